// What a server of which nothing is known turns out to be: it listens on a port, or it answers on its stdin and stdout.
// The first of the two decides.

import { setTimeout as sleep } from "node:timers/promises";
import { type Eras, speaks } from "./bridge/eras.ts";
import type { OnGatewayEvent } from "./events.ts";
import type { ServerProcess, StartServer } from "./server-process.ts";

export interface WatchOptions {
  readonly start: StartServer;
  readonly timeoutMs: number;
  /** The ports that a process and what it has started listen on. */
  readonly portsOf: (pid: number) => readonly number[];
  readonly onEvent: OnGatewayEvent;
}

export type Nature =
  | { readonly kind: "listens"; readonly port: number }
  | { readonly kind: "stdio"; readonly eras: Eras }
  | { readonly kind: "neither"; readonly reason: string };

const LOOK_AGAIN_MS = 50;

/**
 * Starts the server, whose environment is to be `listeningEnvironment`'s, for nothing but to see what it does; no
 * process of it is left.
 */
export async function natureOf(options: WatchOptions): Promise<Nature> {
  const { start, portsOf, timeoutMs, onEvent } = options;
  const running = new Set<ServerProcess>();
  const decided = new AbortController();
  const watchedStart: StartServer = (startOptions) => {
    const child = start(startOptions);
    running.add(child);
    onEvent({ type: "child-started", pid: child.pid, purpose: "probe" });
    void child.ended.then((end) => {
      running.delete(child);
      onEvent({ type: "child-ended", pid: child.pid, purpose: "probe", end });
    });
    return child;
  };
  try {
    return await Promise.race([
      stdioNature(watchedStart, timeoutMs),
      listeningNature(() => [...running].flatMap(({ pid }) => portsOf(pid)), decided.signal),
    ]);
  } finally {
    decided.abort();
    await Promise.all([...running].map((child) => child.stop()));
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

async function stdioNature(start: StartServer, timeoutMs: number): Promise<Nature> {
  const eras = await speaks(start, { timeoutMs });
  return eras.problem === undefined
    ? { kind: "stdio", eras }
    : { kind: "neither", reason: eras.problem };
}

// A server that listens may end its other processes, which wanted the same port: that decides nothing.
async function listeningNature(
  ports: () => readonly number[],
  signal: AbortSignal,
): Promise<Nature> {
  for (;;) {
    const [port] = ports();
    if (port !== undefined) return { kind: "listens", port };
    await sleep(LOOK_AGAIN_MS, undefined, { signal });
  }
}
