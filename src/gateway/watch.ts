// What a server of which nothing is known turns out to be: it listens on a port, or it answers on its stdin and stdout.
// The first of the two decides.

import { setTimeout as sleep } from "node:timers/promises";
import { type Eras, speaks } from "./bridge/eras.ts";
import { tellLife } from "./child-life.ts";
import type { OnGatewayEvent } from "./events.ts";
import type { ServerProcess, StartServer } from "./server-process.ts";

export interface WatchOptions {
  readonly start: StartServer;
  /** How a server that may speak either is told to be reached over HTTP. */
  readonly transport: string;
  readonly timeoutMs: number;
  readonly freePort: () => number;
  /** The ports that a process and what it has started listen on. */
  readonly portsOf: (pid: number) => readonly number[];
  readonly onEvent: OnGatewayEvent;
}

export type Nature =
  | { readonly kind: "listens-where-told" }
  | { readonly kind: "listens"; readonly port: number }
  | { readonly kind: "stdio"; readonly eras: Eras }
  /** `ended`: of itself, and not because it was silent for too long. */
  | { readonly kind: "neither"; readonly reason: string; readonly ended: boolean };

const LOOK_AGAIN_MS = 50;
/** Nobody has asked it anything. */
const NO_PATIENCE = 0;

/** Starts the server for nothing but to see what it does; no process of it is left. */
export async function natureOf(options: WatchOptions): Promise<Nature> {
  const { start, transport, freePort, portsOf, onEvent } = options;
  /** Each with the port that it was told. */
  const running = new Map<ServerProcess, number>();
  const decided = new AbortController();
  const watchedStart: StartServer = (startOptions) => {
    decided.signal.throwIfAborted();
    const port = freePort();
    const environment = listeningEnvironment(port, transport);
    const child = start({ ...startOptions, environment });
    running.set(child, port);
    tellLife(child, "probe", onEvent);
    void child.ended.then(() => running.delete(child));
    return child;
  };
  const look = (): Nature | undefined => {
    for (const [{ pid }, told] of running) {
      const [port] = portsOf(pid);
      if (port === told) return { kind: "listens-where-told" };
      if (port !== undefined) return { kind: "listens", port };
    }
    return undefined;
  };
  try {
    return await Promise.race([
      stdioNature(watchedStart, options),
      listeningNature(look, decided.signal),
    ]);
  } finally {
    decided.abort();
    await Promise.all([...running.keys()].map((child) => child.stop(NO_PATIENCE)));
  }
}

/** The variables by which a server that may speak either is told to listen on a port; the others do not mind. */
export function listeningEnvironment(
  port: number,
  transport: string,
): Readonly<Record<string, string>> {
  return {
    PORT: String(port),
    MCP_PORT: String(port),
    FASTMCP_PORT: String(port),
    MCP_TRANSPORT: transport,
    FASTMCP_TRANSPORT: transport,
  };
}

async function stdioNature(
  start: StartServer,
  { timeoutMs, onEvent }: WatchOptions,
): Promise<Nature> {
  const eras = await speaks(start, { timeoutMs, onEvent });
  const { problem, problemKind } = eras;
  if (problem === undefined) return { kind: "stdio", eras };
  const within = problemKind === "silent" ? ` within ${timeoutMs / 1_000} s` : "";
  return { kind: "neither", reason: `${problem}${within}`, ended: problemKind === "ended" };
}

async function listeningNature(
  look: () => Nature | undefined,
  signal: AbortSignal,
): Promise<Nature> {
  for (;;) {
    const nature = look();
    if (nature !== undefined) return nature;
    await sleep(LOOK_AGAIN_MS, undefined, { signal });
  }
}
