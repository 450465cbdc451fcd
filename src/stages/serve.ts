// Stage 6, where the server cannot be handed over to: this process stays in front of it, with as many processes of the
// server as its clients need.

import { openBridge } from "../gateway/bridge/bridge.ts";
import type { Eras } from "../gateway/bridge/eras.ts";
import { openSseBridge } from "../gateway/bridge/sse-bridge.ts";
import type { GatewayEvent, OnGatewayEvent } from "../gateway/events.ts";
import { addressKind } from "../gateway/front/host-name.ts";
import type { GatewayLimits } from "../gateway/limits.ts";
import { openProxy } from "../gateway/proxy/proxy.ts";
import type { StartServer } from "../gateway/server-process.ts";
import { createVitality } from "../gateway/vitality.ts";
import { listeningEnvironment, natureOf } from "../gateway/watch.ts";
import type { ServerWay } from "../gateway/way.ts";
import { RunnerError } from "../errors.ts";
import { askHealth } from "../launch/health.ts";
import type { LaunchPlan } from "../launch/launch-plan.ts";
import { log } from "../log.ts";
import { endSignal } from "../system/end-signal.ts";
import { hideFromOtherProcesses } from "../system/environ.ts";
import { freePort } from "../system/free-port.ts";
import { isListenedOn, portsOfSession } from "../system/listening.ts";
import { adoptOrphans } from "../system/orphans.ts";
import { isServerChild } from "../system/server-child.ts";
import type { ExecuteOptions } from "./execute.ts";
import { introduce, type Served } from "./introduce.ts";
import { serverStarter } from "./server-starter.ts";
import { gatewayLogger } from "./gateway-log.ts";
import type { Gateway, GatewayRequest } from "./gateway.ts";

export type ServedWay = Exclude<ServerWay, { readonly kind: "hand-over" }>;

export type ServeOptions = Pick<ExecuteOptions, "runner" | "searchPath"> & {
  readonly gateway: Gateway;
};

/** Serves until the runner is told to end, and returns the exit status to end with. Throws SERVER_UNREACHABLE. */
export async function serve(
  plan: LaunchPlan,
  way: ServedWay,
  { gateway, ...options }: ServeOptions,
): Promise<number> {
  const { front, metrics, request } = gateway;
  const ended = endSignal();
  // The server's processes may be this one's user, and are not to see each other's sessions in its memory.
  hideFromOtherProcesses();
  using _ = adoptOrphans(isServerChild);
  if (isOpenToAll(request)) log.warn(OPEN_TO_ALL);
  const logEvent = gatewayLogger();
  const ground: Ground = {
    start: serverStarter(plan, { ...options, maxLineBytes: request.maxLineBytes }),
    limits: limitsOf(request),
    gateway,
    onEvent(event) {
      metrics.observe(event);
      logEvent(event);
    },
  };
  const served = await Promise.race([openEndpoint(way, ground), ended]);
  const closing = new AbortController();
  if (typeof served !== "string") {
    front.serve(served.endpoint);
    void introduce(served, gateway, closing.signal);
  }
  const signal = await ended;
  closing.abort();
  log.info(`ending on ${signal}`);
  await front.close(request.shutdownGrace * 1_000);
  return 0;
}

const OPEN_TO_ALL =
  "anyone who reaches this port may use the server, unless it asks for a token itself: set AUTH_TOKEN to change that";

function isOpenToAll({ authToken, mcpHost }: GatewayRequest): boolean {
  const host = mcpHost.includes(":") && !mcpHost.startsWith("[") ? `[${mcpHost}]` : mcpHost;
  return authToken === undefined && addressKind(host) !== "loopback";
}

interface Ground {
  readonly start: StartServer;
  readonly limits: GatewayLimits;
  readonly gateway: Gateway;
  readonly onEvent: OnGatewayEvent;
}

async function openEndpoint(way: ServedWay, ground: Ground): Promise<Served> {
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
    startTimeoutMs: limits.startTimeoutMs,
    isListenedOn,
    portsOf: portsOfSession,
    onEvent,
    onPhase(phase) {
      front.tell(phase);
      if (phase.state === "failing") log.warn(phase.reason);
      else log.info(`the server listens on its port ${port}`);
    },
    onOutput: (pid, line) => log.info(`server ${pid}: ${line}`),
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

function limitsOf(request: GatewayRequest): GatewayLimits {
  return {
    maxSessions: request.maxSessions,
    sessionIdleMs: request.sessionIdle * 1_000,
    sessionMaxAgeMs: request.sessionAge * 1_000,
    maxBodyBytes: request.maxRequestBytes,
    maxLineBytes: request.maxLineBytes,
    startTimeoutMs: request.startTimeout * 1_000,
  };
}
