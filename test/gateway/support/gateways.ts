// The gateway's front with a bridge or a proxy behind it, around a real server: what a client meets, without the runner.

import { openBridge } from "../../../src/gateway/bridge/bridge.ts";
import { openSseBridge } from "../../../src/gateway/bridge/sse-bridge.ts";
import type { Endpoint } from "../../../src/gateway/endpoint.ts";
import type { GatewayEvent, OnGatewayEvent } from "../../../src/gateway/events.ts";
import type { GatewayLimits } from "../../../src/gateway/limits.ts";
import { openProxy } from "../../../src/gateway/proxy/proxy.ts";
import type { StartServer } from "../../../src/gateway/server-process.ts";
import { freePort } from "../../../src/system/free-port.ts";
import { isListenedOn } from "../../../src/system/listening.ts";
import { startServerChild } from "../../../src/system/server-child.ts";
import { localFront } from "./local-front.ts";

export interface ServerCommand {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunningGateway extends AsyncDisposable {
  readonly url: string;
  /** All that has happened so far. */
  readonly events: readonly GatewayEvent[];
}

const MCP_PATH = "/mcp";

const LIMITS: GatewayLimits = {
  // The conformance suites end no session.
  maxSessions: 64,
  sessionIdleMs: 60_000,
  sessionMaxAgeMs: 300_000,
  maxBodyBytes: 4 * 1_024 * 1_024,
  maxLineBytes: 10 * 1_024 * 1_024,
  startTimeoutMs: 30_000,
};

/** Serves what speaks over stdio. Its processes have ended when this is disposed. */
export function bridgeTo(command: ServerCommand): RunningGateway {
  const start = starter(command);
  return run((onEvent) => openBridge({ start, limits: LIMITS, onEvent }));
}

/** The same for clients that know the transport of 2024-11-05 only. */
export function sseBridgeTo(command: ServerCommand): RunningGateway {
  const start = starter(command);
  return run((onEvent) => openSseBridge({ start, limits: LIMITS, mcpPath: MCP_PATH, onEvent }));
}

/** Leads to what listens on the port of loopback that it is given. */
export function proxyTo(commandFor: (port: number) => ServerCommand): RunningGateway {
  const port = freePort();
  const start = starter(commandFor(port));
  return run((onEvent) =>
    openProxy({
      start,
      port,
      isGuarded: false,
      startTimeoutMs: LIMITS.startTimeoutMs,
      isListenedOn,
      onEvent,
      onPhase() {},
      onOutput() {},
      askHealth: () => Promise.resolve(true),
    }),
  );
}

function starter({ argv, env }: ServerCommand): StartServer {
  const program = {
    argv,
    env: { PATH: Bun.env["PATH"] ?? "", HOME: "/", BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0", ...env },
    maxLineBytes: LIMITS.maxLineBytes,
    onStderr() {},
  };
  return (options) => startServerChild(program, options);
}

function run(open: (onEvent: OnGatewayEvent) => Endpoint): RunningGateway {
  const events: GatewayEvent[] = [];
  const front = localFront();
  front.serve(open((event) => events.push(event)));
  return {
    url: `http://127.0.0.1:${front.port}${MCP_PATH}`,
    events,
    [Symbol.asyncDispose]: () => front.close(0),
  };
}
