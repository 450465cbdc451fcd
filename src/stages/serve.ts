// Stage 6, where the server cannot be handed over to: this process stays in front of it, with as many processes of the
// server as its clients need.

import { openBridge } from "../gateway/bridge/bridge.ts";
import type { Endpoint } from "../gateway/endpoint.ts";
import type { OnGatewayEvent } from "../gateway/events.ts";
import type { GatewayLimits } from "../gateway/limits.ts";
import { openProxy } from "../gateway/proxy/proxy.ts";
import { limitRate } from "../gateway/rate-limit.ts";
import type { StartServer } from "../gateway/server-process.ts";
import { listeningEnvironment, natureOf } from "../gateway/watch.ts";
import type { ServerWay } from "../gateway/way.ts";
import { RunnerError } from "../errors.ts";
import { askHealth } from "../launch/health.ts";
import type { LaunchPlan } from "../launch/launch-plan.ts";
import { serverCommand } from "../launch/server-child.ts";
import { log, logEnvironment } from "../log.ts";
import { endSignal } from "../system/end-signal.ts";
import { freePort } from "../system/free-port.ts";
import { isListenedOn, portsOfSession } from "../system/listening.ts";
import { startServerChild } from "../system/server-child.ts";
import type { ExecuteOptions } from "./execute.ts";
import { introduce } from "./introduce.ts";
import { logGatewayEvent } from "./gateway-log.ts";
import type { Gateway, GatewayRequest } from "./gateway.ts";

export type ServedWay = Exclude<ServerWay, { readonly kind: "hand-over" }>;

export type ServeOptions = Pick<ExecuteOptions, "runner" | "searchPath"> & {
  readonly gateway: Gateway;
};

/** What a server may write to stderr in a second; a person reads no more. */
const LINES_PER_SECOND = 100;

/** Serves until the runner is told to end, and returns the exit status to end with. Throws SERVER_UNREACHABLE. */
export async function serve(
  plan: LaunchPlan,
  way: ServedWay,
  { gateway, ...options }: ServeOptions,
): Promise<number> {
  const { front, metrics, request } = gateway;
  const ended = endSignal();
  const ground: Ground = {
    start: starter(plan, request, options),
    limits: limitsOf(request),
    gateway,
    onEvent(event) {
      metrics.observe(event);
      logGatewayEvent(event);
    },
  };
  const endpoint = await Promise.race([openEndpoint(way, ground), ended]);
  const closing = new AbortController();
  if (typeof endpoint !== "string") {
    front.serve(endpoint);
    void introduce(endpoint, gateway, closing.signal);
  }
  const signal = await ended;
  closing.abort();
  log.info(`ending on ${signal}`);
  await front.close(request.shutdownGrace * 1_000);
  return 0;
}

interface Ground {
  readonly start: StartServer;
  readonly limits: GatewayLimits;
  readonly gateway: Gateway;
  readonly onEvent: OnGatewayEvent;
}

async function openEndpoint(way: ServedWay, ground: Ground): Promise<Endpoint> {
  log.info(`the runner stays in front of the server: ${way.reason}`, { way: way.kind });
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

function bridged({ start, limits, onEvent, gateway }: Ground): Endpoint {
  gateway.front.describe({ way: "over its standard input and output" });
  return openBridge({ start, limits, onEvent });
}

function proxied({ start, limits, onEvent, gateway }: Ground, port: number): Endpoint {
  const { request, front } = gateway;
  front.describe({ way: `at its port ${port}` });
  return openProxy({
    start,
    port,
    startTimeoutMs: limits.startTimeoutMs,
    isListenedOn,
    onEvent,
    onPhase: (phase) => front.tell(phase),
    onOutput: (pid, line) => log.info(`server ${pid}: ${line}`),
    askHealth: async () => {
      const { healthcheckPath, mcpPath } = request;
      const question = { host: LOOPBACK, port, healthcheckPath, mcpPath, timeoutMs: HEALTH_MS };
      return (await askHealth(question)).alive;
    },
  });
}

function guarded(ground: Ground): Endpoint {
  const port = freePort();
  return proxied(listeningGround(ground, port), port);
}

const LOOPBACK = "127.0.0.1";
const HEALTH_MS = 5_000;

async function watched(ground: Ground): Promise<Endpoint> {
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
      return bridged(ground);
    case "listens-where-told":
      log.info("the server listens where it is told to");
      return guarded(ground);
    case "listens":
      log.info(`the server listens on port ${nature.port}`);
      return proxied(ground, nature.port);
    case "neither":
      throw new RunnerError(
        "SERVER_UNREACHABLE",
        `the server neither listens on a port nor answers on its standard input and output: ${nature.reason}`,
      );
  }
}

function listeningGround(ground: Ground, port: number): Ground {
  const environment = listeningEnvironment(port, ground.gateway.request.mcpTransport);
  return { ...ground, start: (options) => ground.start({ ...options, environment }) };
}

// Each is this program once more, which becomes the server as it would have without the gateway.
function starter(
  plan: LaunchPlan,
  { maxLineBytes }: GatewayRequest,
  options: Omit<ServeOptions, "gateway">,
): StartServer {
  return ({ environment, onLine }) => {
    const own = { ...plan, environment: { ...plan.environment, ...environment } };
    const command = serverCommand(own, { ...options, environment: logEnvironment() });
    const stderr = limitRate(LINES_PER_SECOND, (line, withheld) => {
      if (withheld > 0) log.warn(`server ${child.pid}: ${withheld} lines withheld`);
      log.info(`server ${child.pid}: ${line}`);
    });
    const child = startServerChild(
      { ...command, maxLineBytes, onStderr: (line) => stderr.take(line) },
      { onLine },
    );
    return child;
  };
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
