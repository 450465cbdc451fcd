// A server with a port of its own: requests are passed on to it as they are, whatever their path.

import type { Endpoint } from "../endpoint.ts";
import { failureResponse, RPC_CODES } from "../rpc/failures.ts";
import { forward, type Upstream } from "./forward.ts";
import { connectSocket } from "./socket.ts";
import { keepRunning, type KeeperOptions } from "./keeper.ts";

export interface ProxyOptions extends KeeperOptions, Upstream {
  /** Asks the server on its port whether it answers, where it knows no health path. */
  readonly askHealth: (port: number) => Promise<boolean>;
}

/** Starts the server and passes on to it; requests wait until it listens. */
export function openProxy(options: ProxyOptions): Endpoint {
  const { port, isGuarded, askHealth } = options;
  const upstream = { port, isGuarded };
  const keeper = keepRunning(options);
  return {
    claims: () => true,
    async handle(request) {
      const problem = await keeper.ready();
      if (problem !== undefined) return unavailable(problem);
      try {
        return await forward(request, upstream);
      } catch {
        return unavailable(`the server at port ${port} does not answer`);
      }
    },
    async connect(request) {
      const problem = await keeper.ready();
      if (problem !== undefined) throw new Error(problem);
      return await connectSocket(request, upstream);
    },
    isHealthy: () => askHealth(port),
    close: () => keeper.close(),
  };
}

function unavailable(why: string): Response {
  const message = `There is no answer to have: ${why}.`;
  return failureResponse(503, { code: RPC_CODES.INTERNAL, message }, { "retry-after": "5" });
}
