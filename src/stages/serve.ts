// Stage 6, where the server cannot be handed over to: this process stays in front of it, with as many processes of the
// server as its clients need.

import { addressKind } from "../gateway/front/host-name.ts";
import type { GatewayLimits } from "../gateway/limits.ts";
import type { LaunchPlan } from "../launch/launch-plan.ts";
import { shareRoot } from "../launch/shared-root.ts";
import { log } from "../log.ts";
import { endSignal } from "../system/end-signal.ts";
import { hideFromOtherProcesses } from "../system/environ.ts";
import { adoptOrphans } from "../system/orphans.ts";
import { forgetProgramPages } from "../system/program-pages.ts";
import { isServerChild } from "../system/server-child.ts";
import type { ExecuteOptions } from "./execute.ts";
import { type Ground, openEndpoint, type ServedWay } from "./endpoints.ts";
import { introduce } from "./introduce.ts";
import { serverStarter } from "./server-starter.ts";
import { gatewayLogger } from "./gateway-log.ts";
import type { Gateway, GatewayRequest } from "./gateway.ts";

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
  using root = await shareRoot(plan, {
    onChoice: (note) => log.info(note),
    onLack: (note) => log.warn(note),
  });
  const ended = endSignal();
  // The server's processes may be this one's user, and are not to see each other's sessions in its memory.
  hideFromOtherProcesses();
  using _ = adoptOrphans(isServerChild);
  if (isOpenToAll(request)) log.warn(OPEN_TO_ALL);
  const logEvent = gatewayLogger();
  const ground: Ground = {
    start: serverStarter(root.plan, { ...options, maxLineBytes: request.maxLineBytes }),
    limits: limitsOf(request),
    gateway,
    onEvent(event) {
      metrics.observe(event);
      logEvent(event);
    },
  };
  forgetProgramPages();
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
