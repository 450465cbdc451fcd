// One table, a row an input. The environment variables, the command line's flags, --help and the README's table are
// all derived from it; precedence and messages are decided here and nowhere else.

import * as v from "valibot";
import { type ErrorCode, printable, reasonOf, RunnerError } from "./errors.ts";
import { LOG_FORMATS, LOG_LEVELS } from "./log.ts";
import { parsePlatform } from "./oci/platform.ts";
import { parseReference } from "./oci/reference.ts";

export const TRANSPORTS = ["streamable-http", "sse", "stdio"] as const;
export const RUN_MODES = ["auto", "overlay", "chroot", "userns"] as const;
export const REGISTRY_CLIENTS = ["auto", "crane", "builtin"] as const;

/** What the runner hands to the server with this prefix taken off. */
export const SERVER_ENV_PREFIX = "MCP_ENV_";

interface Row {
  /** The environment variable; a row without one is a flag only. */
  readonly env?: string;
  /** The flag without its dashes; a secret has none, because argv is readable by everyone. */
  readonly flag?: string;
  /** How --help calls the value. */
  readonly value: string;
  readonly about: string;
  readonly schema: v.GenericSchema<string, unknown>;
  /** The text that stands in for an absent value. */
  readonly fallback?: string;
  /** The value never appears in a message. */
  readonly secret?: true;
  /** The error when this row alone is wrong; INPUT_INVALID unless it has one of its own. */
  readonly code?: ErrorCode;
}

const text = v.pipe(v.string(), v.nonEmpty("must not be empty"));
const oneOf = <const T extends readonly string[]>(options: T) =>
  v.picklist(options, `must be one of ${options.join(", ")}`);
const wholeNumber = (minimum: number, maximum: number) => {
  const message = `must be a whole number from ${minimum} to ${maximum}`;
  return v.pipe(
    v.string(),
    v.regex(/^[0-9]{1,15}$/, message),
    v.transform(Number),
    v.minValue(minimum, message),
    v.maxValue(maximum, message),
  );
};
const urlPath = v.pipe(
  v.string(),
  v.regex(/^\/[\w!$%&'()*+,./:;=@~-]*$/, "must be a path that starts with /, such as /mcp"),
);
const hostName = v.pipe(
  v.string(),
  v.regex(/^[\w.:%[\]-]+$/, "must be an address or a host name, such as 0.0.0.0"),
);
const parsedBy = <T>(parse: (text: string) => T) =>
  v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(dataset.value);
      } catch (error) {
        addIssue({ message: reasonOf(error) });
        return NEVER;
      }
    }),
  );
const absolutePath = v.pipe(v.string(), v.regex(/^\//, "must be an absolute path"));

export const SETTINGS = {
  image: {
    env: "IMAGE",
    value: "reference",
    about:
      "Image to run, as in `docker pull`: `ghcr.io/org/server:1.2`, `mcp/fetch`, `host:5000/name@sha256:…`. Also the argument.",
    schema: parsedBy(parseReference),
    code: "REFERENCE_INVALID",
  },
  port: {
    env: "PORT",
    flag: "port",
    value: "1-65535",
    about: "Port that the server listens on. Required unless the transport is stdio.",
    schema: wholeNumber(1, 65_535),
  },
  registryUser: {
    env: "REGISTRY_USER",
    flag: "registry-user",
    value: "name",
    about: "User name for a private registry; needs a password.",
    schema: text,
  },
  registryPassword: {
    env: "REGISTRY_PASSWORD",
    value: "secret",
    about: "Password or token for REGISTRY_USER. Leaves the environment before anything is pulled.",
    schema: text,
    secret: true,
  },
  registryPasswordFile: {
    env: "REGISTRY_PASSWORD_FILE",
    flag: "registry-password-file",
    value: "path",
    about: "File that holds the password, instead of REGISTRY_PASSWORD.",
    schema: text,
  },
  registryClient: {
    env: "REGISTRY_CLIENT",
    flag: "registry-client",
    value: REGISTRY_CLIENTS.join("|"),
    about:
      "What speaks to the registry: `auto` is crane where it is on PATH, else the built-in client.",
    schema: oneOf(REGISTRY_CLIENTS),
    fallback: "auto",
  },
  registryTimeout: {
    env: "REGISTRY_TIMEOUT",
    flag: "registry-timeout",
    value: "seconds",
    about: "Seconds without a byte from the registry after which the runner gives up.",
    schema: wholeNumber(1, 3_600),
    fallback: "30",
  },
  platform: {
    env: "PLATFORM",
    flag: "platform",
    value: "os/arch",
    about: "Platform to pull, such as `linux/amd64` or `linux/arm64/v8`. Default: this machine's.",
    schema: parsedBy(parsePlatform),
  },
  runMode: {
    env: "RUN_MODE",
    flag: "run-mode",
    value: RUN_MODES.join("|"),
    about: "Where the server finds its files; `auto` decides by what works here. See Run modes.",
    schema: oneOf(RUN_MODES),
    fallback: "auto",
  },
  workDirectory: {
    env: "WORK_DIR",
    flag: "work-dir",
    value: "path",
    about:
      "Directory for images being unpacked and for private roots. Default: /var/cache/fastmcp-runner, else the user's cache directory.",
    schema: absolutePath,
  },
  mcpTransport: {
    env: "MCP_TRANSPORT",
    flag: "mcp-transport",
    value: TRANSPORTS.join("|"),
    about: "How clients reach the server; handed on to it.",
    schema: oneOf(TRANSPORTS),
    fallback: "streamable-http",
  },
  mcpHost: {
    env: "MCP_HOST",
    flag: "mcp-host",
    value: "address",
    about: "Address that the server binds; handed on to it.",
    schema: hostName,
    fallback: "0.0.0.0",
  },
  mcpPath: {
    env: "MCP_PATH",
    flag: "mcp-path",
    value: "path",
    about: "Path of the MCP endpoint; handed on to the server.",
    schema: urlPath,
    fallback: "/mcp",
  },
  healthcheckPath: {
    env: "HEALTHCHECK_PATH",
    flag: "healthcheck-path",
    value: "path",
    about: "Path that `healthcheck` asks; where the server does not know it, MCP_PATH is asked.",
    schema: urlPath,
    fallback: "/health",
  },
  logLevel: {
    env: "LOG_LEVEL",
    flag: "log-level",
    value: LOG_LEVELS.join("|"),
    about: "Least severe message that is logged.",
    schema: oneOf(LOG_LEVELS),
    fallback: "info",
  },
  logFormat: {
    env: "LOG_FORMAT",
    flag: "log-format",
    value: LOG_FORMATS.join("|"),
    about: "Shape of the log on stderr.",
    schema: oneOf(LOG_FORMATS),
    fallback: "text",
  },
  destination: {
    flag: "to",
    value: "directory",
    about: "Where `pull` puts the image's root filesystem: a directory that is empty or absent.",
    schema: text,
  },
} as const satisfies Record<string, Row>;

export type SettingName = keyof typeof SETTINGS;

type ValueOf<R extends Row> = R extends { fallback: string }
  ? v.InferOutput<R["schema"]>
  : v.InferOutput<R["schema"]> | undefined;

export type Settings = { readonly [Name in SettingName]: ValueOf<(typeof SETTINGS)[Name]> };

/** Where values come from: flags by their names, and an environment. */
export interface SettingSources {
  readonly image: string | undefined;
  readonly flags: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Something about the inputs that is not acceptable, as one sentence. */
export interface Problem {
  readonly setting: SettingName;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface ReadSettings<Names extends SettingName> {
  readonly settings: Pick<Settings, Names>;
  readonly problems: readonly Problem[];
}

/** Reads the named rows: a flag beats the environment, which beats the fallback; an empty variable is an unset one. */
export function readSettings<Names extends SettingName>(
  names: readonly Names[],
  sources: SettingSources,
): ReadSettings<Names> {
  const problems: Problem[] = [];
  const values = names.map((name) => {
    const row: Row = SETTINGS[name];
    const raw = rawValue(name, row, sources) ?? row.fallback;
    if (raw === undefined) return [name, undefined];
    const result = v.safeParse(row.schema, raw, { abortPipeEarly: true });
    if (result.success) return [name, result.output];
    const message = describeProblem(name, row, raw, result.issues[0].message);
    problems.push({ setting: name, code: row.code ?? "INPUT_INVALID", message });
    return [name, undefined];
  });
  // Each value is the output of its row's schema, or there is a problem and the caller stops.
  return { settings: Object.fromEntries(values) as Pick<Settings, Names>, problems };
}

/** Throws when there are problems: one by its own code, several at once as INPUT_INVALID. */
export function refuseProblems(problems: readonly Problem[]): void {
  const [first, ...more] = problems;
  if (first === undefined) return;
  if (more.length === 0) throw new RunnerError(first.code, first.message);
  throw new RunnerError("INPUT_INVALID", `${problems.length} settings are wrong`, {
    details: problems.map((problem) => problem.message),
  });
}

/** How messages call a setting: `--flag / ENV`. */
export function nameOf(name: SettingName): string {
  const row: Row = SETTINGS[name];
  return [row.flag === undefined ? undefined : `--${row.flag}`, row.env]
    .filter((part) => part !== undefined)
    .join(" / ");
}

// Where programs and directories are found, how the network is reached, and whom to trust: nothing else of the
// runner's environment reaches a program that it starts.
const HOST_VARIABLES = [
  "PATH",
  "HOME",
  "TMPDIR",
  "XDG_CACHE_HOME",
  "XDG_RUNTIME_DIR",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  ...["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"].flatMap((name) => [
    name,
    name.toLowerCase(),
  ]),
] as const;

/** The variables of the machine that the runner's own work depends on. */
export type HostEnvironment = Readonly<Record<string, string>>;

export function hostEnvironmentOf(environment: SettingSources["environment"]): HostEnvironment {
  const entries = HOST_VARIABLES.flatMap((name) => {
    const value = environment[name];
    return value ? [[name, value] as const] : [];
  });
  return Object.fromEntries(entries);
}

/** The variables for the server, prefix removed. */
export function serverEnvironmentOf(
  environment: SettingSources["environment"],
): Readonly<Record<string, string>> {
  const entries = Object.entries(environment).flatMap(([name, value]) =>
    name.startsWith(SERVER_ENV_PREFIX) &&
    name.length > SERVER_ENV_PREFIX.length &&
    value !== undefined
      ? [[name.slice(SERVER_ENV_PREFIX.length), value] as const]
      : [],
  );
  return Object.fromEntries(entries);
}

function rawValue(name: SettingName, row: Row, sources: SettingSources): string | undefined {
  const given = name === "image" ? sources.image : row.flag && sources.flags[row.flag];
  if (given !== undefined) return given;
  return (row.env && sources.environment[row.env]) || undefined;
}

function describeProblem(name: SettingName, row: Row, raw: string, problem: string): string {
  // A parser's message is a sentence of its own; a rule's message needs the value beside it.
  if (!problem.startsWith("must ")) return `${nameOf(name)}: ${problem}`;
  const given = row.secret || raw === "" ? "" : `, not "${printable(raw.slice(0, 100))}"`;
  return `${nameOf(name)} ${problem}${given}`;
}
