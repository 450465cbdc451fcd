// What stands before a server, by the way that was decided or that shows: a bridge to its standard streams, or a proxy to
// its port.

import { openBridge } from "../gateway/bridge/bridge.ts";
import type { Eras } from "../gateway/bridge/eras.ts";
import { openSseBridge } from "../gateway/bridge/sse-bridge.ts";
import type { GatewayEvent, OnGatewayEvent } from "../gateway/events.ts";
import type { GatewayLimits } from "../gateway/limits.ts";
import { openProxy } from "../gateway/proxy/proxy.ts";
import type { StartServer } from "../gateway/server-process.ts";
import { createVitality } from "../gateway/vitality.ts";
import { listeningEnvironment, natureOf } from "../gateway/watch.ts";
import type { ServerWay } from "../gateway/way.ts";
import { RunnerError } from "../errors.ts";
import { askHealth } from "../launch/health.ts";
import { log } from "../log.ts";
import { freePort } from "../system/free-port.ts";
import { isListenedOn, portsOfSession } from "../system/listening.ts";
import { outputLogger } from "./gateway-log.ts";
import type { Gateway } from "./gateway.ts";
import type { Served } from "./introduce.ts";

export type ServedWay = Exclude<ServerWay, { readonly kind: "hand-over" }>;

/** What every way of serving a server is given. */
export interface Ground {
  readonly start: StartServer;
  readonly limits: GatewayLimits;
  readonly gateway: Gateway;
  readonly onEvent: OnGatewayEvent;
}

/** Starts the server in the way that was decided. Throws SERVER_UNREACHABLE. */
export async function openEndpoint(way: ServedWay, ground: Ground): Promise<Served> {
  log.info(`${way.reason}: ${CONSEQUENCES[way.kind]}`);
  switch (way.kind) {
    case "bridge":
      return bridged(ground);
    case "proxy":
      return proxied(ground, way.port);
    case "guard":
      return guarded(ground);
    case "watch":
      return await watched(ground);
  }
}

const CONSEQUENCES: Readonly<Record<ServedWay["kind"], string>> = {
  bridge: "the runner serves over HTTP what the server says on its standard input and output",
  proxy: "the runner leads to the server there",
  guard: "the server gets another port, to which the runner leads",
  watch: "what the server does first decides, listening on a port or answering on its stdout",
};

function bridged({ start, limits, onEvent, gateway }: Ground, eras?: Eras): Served {
  const { front, request } = gateway;
  front.describe({ way: "over its standard input and output" });
  const vitality = createVitality();
  const options = {
    start,
    limits,
    onEvent(event: GatewayEvent) {
      onEvent(event);
      const phase = vitality.observe(event);
      if (phase !== undefined) front.tell(phase);
    },
  };
  const bridge = openBridge({ ...options, ...(eras === undefined ? {} : { eras }) });
  return request.mcpTransport === "sse"
    ? { endpoint: openSseBridge({ ...options, mcpPath: request.mcpPath }), asked: bridge }
    : { endpoint: bridge };
}

function proxied({ start, limits, onEvent, gateway }: Ground, port: number): Served {
  const { request, front } = gateway;
  front.describe({ way: `at its port ${port}` });
  const endpoint = openProxy({
    start,
    port,
    isGuarded: request.authToken !== undefined,
    startTimeoutMs: limits.startTimeoutMs,
    isListenedOn,
    portsOf: portsOfSession,
    onEvent,
    onPhase(phase) {
      front.tell(phase);
      if (phase.state === "failing") log.warn(phase.reason);
      else log.info(`the server listens on its port ${port}`);
    },
    onOutput: outputLogger(),
    askHealth: async () => {
      const { healthcheckPath, mcpPath } = request;
      const question = { host: LOOPBACK, port, healthcheckPath, mcpPath, timeoutMs: HEALTH_MS };
      return (await askHealth(question)).alive;
    },
  });
  return { endpoint, mayBeSilent: true };
}

function guarded(ground: Ground): Served {
  const port = freePort();
  return proxied(listeningGround(ground, port), port);
}

const LOOPBACK = "127.0.0.1";
const HEALTH_MS = 5_000;

async function watched(ground: Ground): Promise<Served> {
  const { start, limits, onEvent, gateway } = ground;
  const nature = await natureOf({
    start,
    transport: gateway.request.mcpTransport,
    timeoutMs: limits.startTimeoutMs,
    freePort,
    portsOf: portsOfSession,
    onEvent,
  });
  switch (nature.kind) {
    case "stdio":
      log.info("the server answers on its standard input and output");
      return bridged(ground, nature.eras);
    case "listens-where-told":
      log.info("the server listens where it is told to");
      return guarded(ground);
    case "listens":
      log.info(`the server listens on a port of its own, ${nature.port}`);
      return proxied(ground, nature.port);
    case "neither":
      throw new RunnerError(
        "SERVER_UNREACHABLE",
        `the server neither listens on a port nor answers on its standard input and output: ${nature.reason}`,
        nature.ended ? { hint: ENDED_HINT } : {},
      );
  }
}

const ENDED_HINT =
  "The log has what the server wrote. Give it what it lacks: arguments after `--`, variables as MCP_ENV_NAME.";

function listeningGround(ground: Ground, port: number): Ground {
  const environment = listeningEnvironment(port, ground.gateway.request.mcpTransport);
  return { ...ground, start: (options) => ground.start({ ...options, environment }) };
}
