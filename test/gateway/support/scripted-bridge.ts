// The bridge in front of scripted-server.ts, served on a socket, with what happens in it.

import { join } from "node:path";
import { openBridge } from "../../../src/gateway/bridge/bridge.ts";
import type { Eras } from "../../../src/gateway/bridge/eras.ts";
import type { Endpoint } from "../../../src/gateway/endpoint.ts";
import type { GatewayEvent } from "../../../src/gateway/events.ts";
import type { GatewayLimits } from "../../../src/gateway/limits.ts";
import { startServerChild } from "../../../src/system/server-child.ts";

export interface ScriptedBridge extends AsyncDisposable {
  readonly url: string;
  readonly endpoint: Endpoint;
  readonly events: readonly GatewayEvent[];
  /** What the servers wrote to stderr. */
  readonly stderr: readonly string[];
}

export interface ScriptedBridgeOptions {
  readonly limits?: Partial<GatewayLimits>;
  /** How the server answers `initialize`: "silent", "refuse", "die"; "greet": it says something before. */
  readonly initialize?: string;
  readonly argv?: readonly string[];
  /** What the bridge is told that the server speaks, or that it has to ask; sessions only if absent. */
  readonly eras?: Eras | "ask";
}

const LIMITS: GatewayLimits = {
  maxSessions: 8,
  sessionIdleMs: 600_000,
  sessionMaxAgeMs: 3_600_000,
  maxBodyBytes: 8_388_608,
  maxLineBytes: 33_554_432,
  startTimeoutMs: 30_000,
};

const SERVER = join(import.meta.dir, "scripted-server.ts");

export function scriptedBridge(options: ScriptedBridgeOptions = {}): ScriptedBridge {
  const { eras = { modern: [], legacy: ["2025-11-25"] } } = options;
  const limits = { ...LIMITS, ...options.limits };
  const events: GatewayEvent[] = [];
  const stderr: string[] = [];
  const program = {
    argv: options.argv ?? [process.execPath, SERVER],
    env: { PATH: "/usr/bin:/bin", SCRIPTED_INITIALIZE: options.initialize ?? "" },
    maxLineBytes: limits.maxLineBytes,
    onStderr: (line: string) => void stderr.push(line),
  };
  const endpoint = openBridge({
    start: (how) => startServerChild(program, how),
    limits,
    ...(eras !== "ask" && { eras }),
    onEvent: (event) => void events.push(event),
  });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: (request) =>
      endpoint.handle(request, { principal: request.headers.get("x-principal") ?? "" }),
  });
  return {
    url: `http://127.0.0.1:${server.port}/mcp`,
    endpoint,
    events,
    stderr,
    async [Symbol.asyncDispose]() {
      await endpoint.close(0);
      await server.stop(true);
    },
  };
}
