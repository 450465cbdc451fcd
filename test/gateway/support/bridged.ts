// The gateway's front with a bridge behind it, around a real server on stdio: what a client meets, without the runner.

import { openBridge } from "../../../src/gateway/bridge/bridge.ts";
import type { GatewayEvent } from "../../../src/gateway/events.ts";
import { openFront } from "../../../src/gateway/front/front.ts";
import type { GatewayLimits } from "../../../src/gateway/limits.ts";
import { startServerChild } from "../../../src/system/server-child.ts";

export interface ServerCommand {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Bridged extends AsyncDisposable {
  readonly url: string;
  /** All that has happened so far. */
  readonly events: readonly GatewayEvent[];
}

const LIMITS: GatewayLimits = {
  maxSessions: 64,
  sessionIdleMs: 60_000,
  sessionMaxAgeMs: 300_000,
  maxBodyBytes: 4 * 1_024 * 1_024,
  maxLineBytes: 10 * 1_024 * 1_024,
  startTimeoutMs: 30_000,
};

/** Serves it on a free port of loopback. Its processes have ended when this is disposed. */
export function bridgeTo({ argv, env }: ServerCommand): Bridged {
  const events: GatewayEvent[] = [];
  const program = {
    argv,
    env: {
      PATH: Bun.env["PATH"] ?? "",
      HOME: "/nonexistent",
      BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
      ...env,
    },
    maxLineBytes: LIMITS.maxLineBytes,
    onStderr() {},
  };
  const front = openFront({
    hostname: "127.0.0.1",
    port: 0,
    mcpPath: "/mcp",
    healthPath: "/healthz",
    rules: { hosts: [], origins: [] },
    page: () => undefined,
    metrics: () => "",
    onRequest() {},
  });
  front.serve(
    openBridge({
      start: (options) => startServerChild(program, options),
      limits: LIMITS,
      onEvent: (event) => events.push(event),
    }),
  );
  return {
    url: `http://127.0.0.1:${front.port}/mcp`,
    events,
    [Symbol.asyncDispose]: () => front.close(0),
  };
}
