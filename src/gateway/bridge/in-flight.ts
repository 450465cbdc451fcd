// The requests of a session that are unanswered: which exchange an id or a progress token belongs to, and which requests
// cannot be taken beside them. Knows no streams and no processes.

import type { RpcId, RpcRequest } from "../rpc/envelope.ts";
import { requestedProgressToken } from "../rpc/envelope.ts";
import type { Exchange } from "./exchange.ts";
import { comeAgain, invalidRequest } from "./refusals.ts";

/** More requests than a client makes that waits for answers. */
const MAX_UNANSWERED = 1_024;

interface Call {
  readonly exchange: Exchange;
  readonly token: RpcId | undefined;
}

export class InFlight {
  readonly #calls = new Map<RpcId, Call>();
  readonly #byToken = new Map<RpcId, Exchange>();
  readonly #exchanges = new Set<Exchange>();

  /** Requests that are unanswered. */
  get size(): number {
    return this.#calls.size;
  }

  /** The only one that there is; undefined where there are several. */
  get sole(): Exchange | undefined {
    return this.#exchanges.size === 1 ? this.#exchanges.values().next().value : undefined;
  }

  has(id: RpcId): boolean {
    return this.#calls.has(id);
  }

  ownerOf(id: RpcId): Exchange | undefined {
    return this.#calls.get(id)?.exchange;
  }

  ownerOfToken(token: RpcId): Exchange | undefined {
    return this.#byToken.get(token);
  }

  add(exchange: Exchange, requests: readonly RpcRequest[]): void {
    this.#exchanges.add(exchange);
    for (const { id, params } of requests) {
      const token = requestedProgressToken(params);
      this.#calls.set(id, { exchange, token });
      if (token !== undefined) this.#byToken.set(token, exchange);
    }
  }

  /** Its answer has come. */
  settle(id: RpcId): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#calls.delete(id);
    const { token, exchange } = call;
    if (token !== undefined && this.#byToken.get(token) === exchange) this.#byToken.delete(token);
    if (exchange.unanswered.every((other) => other === id)) this.#exchanges.delete(exchange);
  }

  sweep(now: number): void {
    for (const exchange of this.#exchanges) {
      const abandoned = exchange.unanswered;
      if (exchange.sweep(now)) for (const id of abandoned) this.settle(id);
    }
  }

  /** Answers all with the gateway's own error. */
  fail(message: string): void {
    for (const exchange of this.#exchanges) exchange.fail(message);
    this.#calls.clear();
    this.#byToken.clear();
    this.#exchanges.clear();
  }
}

/** The response to requests that cannot be taken beside those; undefined where they can. */
export function refuseRequests(
  requests: readonly RpcRequest[],
  inFlight: InFlight,
): Response | undefined {
  if (inFlight.size + requests.length > MAX_UNANSWERED) {
    return comeAgain("Too many requests of this session are unanswered.");
  }
  const ids = new Set<RpcId>();
  for (const { id, method } of requests) {
    if (method === "initialize") return invalidRequest("This session is initialized already.", id);
    if (ids.has(id) || inFlight.has(id)) {
      return invalidRequest("A request with this id is still unanswered.", id);
    }
    ids.add(id);
  }
  return undefined;
}
