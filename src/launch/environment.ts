// The server's whole environment, from three sources and nowhere else. Pure.

export interface EnvironmentSource {
  /** The image's Env, in its order; of two entries with one name the later wins. */
  readonly imageEnv: readonly (readonly [name: string, value: string])[];
  /** MCP_ENV_* with the prefix taken off. */
  readonly serverEnvironment: Readonly<Record<string, string>>;
  readonly transport: string;
  readonly host: string;
  readonly path: string;
  /** Absent when the server speaks over stdio and was given none. */
  readonly port?: number | undefined;
}

export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Lowest to highest: the image's Env, MCP_ENV_*, what the runner decides. PATH is filled in where nobody gives one;
 * HOME is left to the caller, who has the image's passwd file.
 */
export function environmentOf(source: EnvironmentSource): Record<string, string> {
  return {
    PATH: DEFAULT_PATH,
    ...Object.fromEntries(source.imageEnv),
    ...source.serverEnvironment,
    ...transportVariables(source),
  };
}

// The plain names are the runner's contract with any server, FASTMCP_* is what FastMCP reads by itself.
function transportVariables(source: EnvironmentSource): Record<string, string> {
  const port = String(source.port);
  const withPort = source.transport !== "stdio" && source.port !== undefined;
  return {
    HOST: source.host,
    MCP_TRANSPORT: source.transport,
    MCP_HOST: source.host,
    MCP_PATH: source.path,
    FASTMCP_HOST: source.host,
    FASTMCP_TRANSPORT: source.transport,
    FASTMCP_STREAMABLE_HTTP_PATH: source.path,
    ...(withPort ? { PORT: port, MCP_PORT: port, FASTMCP_PORT: port } : {}),
  };
}
