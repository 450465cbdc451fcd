// A server that speaks MCP on its stdin and stdout, served over HTTP in the eras of the protocol. Knows which era a
// request belongs to, and nothing of how one is answered.

import type { Endpoint } from "../endpoint.ts";
import type { OnGatewayEvent } from "../events.ts";
import type { GatewayLimits } from "../limits.ts";
import type { StartServer } from "../server-process.ts";
import { openSessions } from "./sessions.ts";

export interface BridgeOptions {
  readonly start: StartServer;
  readonly limits: GatewayLimits;
  onEvent?: OnGatewayEvent;
}

/** Opens the bridge; processes of the server are started as they are needed. */
export function openBridge({ start, limits, onEvent = () => {} }: BridgeOptions): Endpoint {
  return openSessions({ start, limits, onEvent });
}
