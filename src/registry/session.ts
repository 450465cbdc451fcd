// Requests to a registry that prove themselves as the registry wants, and are made again while that may help. There is
// no ping: the refusal of the first request says what is wanted, and one request less is made.

import type { Reference } from "../oci/reference.ts";
import { parseChallenges, type Challenge } from "./challenge.ts";
import { SYSTEM_CLOCK, type Clock } from "./clock.ts";
import type { Credentials } from "./credentials.ts";
import { endpointOf } from "./host.ts";
import { persist, type Outcome, type Patience } from "./persist.ts";
import { Proof } from "./proof.ts";
import { askedWith, type Asked } from "./refusal.ts";
import { request, requestMessage, type Answer, type Message, type Wire } from "./request.ts";
import type { Retry } from "./retry.ts";
import { fetchToken, withheld, type Grant } from "./token.ts";
import type { Transport } from "./transport.ts";
import { parseWarnings } from "./warning-header.ts";

export interface SessionOptions {
  readonly credentials?: Credentials | undefined;
  /** Milliseconds without a byte after which a host counts as unreachable. */
  readonly stallMs: number;
  /** How the registry's hosts are reached; as Bun would reach them when absent. */
  readonly transport?: Transport | undefined;
  /** Ends every request, every body and every wait, with its reason. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  /** How often a request is made at most; five times when absent. */
  readonly tries?: number | undefined;
  /** The registry in whose place this one is asked, as a mirror. */
  readonly mirrorOf?: string | undefined;
  /** Told before a request is made again. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
  /** Told once of each text that the registry wants its users to see. */
  readonly onWarning?: ((unsafeText: string) => void) | undefined;
  /** Told of each token, so that it can be kept out of what is printed. */
  readonly onSecret?: ((secret: string) => void) | undefined;
}

export interface AskOptions {
  readonly accept: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Ends this request and its body. */
  readonly signal?: AbortSignal | undefined;
  /** How often it is made at most, where that is less often than the session's other requests. */
  readonly tries?: number | undefined;
}

export interface ReadOptions extends AskOptions {
  readonly method?: "GET" | "HEAD";
  readonly maxBytes: number;
}

type Limits = Pick<AskOptions, "signal" | "tries">;
type Send<T> = (options: Wire & { readonly authorization: string | undefined }) => Promise<T>;

/** A registry may say so many things to its users, and no more. */
const MAX_WARNINGS = 20;

export class Session {
  /** What its refusals are put into words with. */
  readonly asked: Asked;
  /** The root of the registry's API. */
  readonly endpoint: URL;
  readonly patience: Patience;
  readonly #options: SessionOptions;
  readonly #wire: Wire;
  readonly #proof: Proof;
  readonly #warnings = new Set<string>();

  /** Sends nothing yet. Throws CREDENTIALS_UNREADABLE for a token that cannot be sent. */
  constructor(reference: Reference, options: SessionOptions) {
    const {
      credentials,
      stallMs,
      transport,
      signal,
      clock = SYSTEM_CLOCK,
      tries,
      onRetry,
    } = options;
    this.#options = options;
    this.endpoint = transport?.endpoint ?? endpointOf(reference.registry);
    this.#wire = { stallMs, signal, transport };
    this.patience = { clock, tries, signal, onRetry };
    this.#proof = new Proof({ credentials, clock, fetchToken: (it) => this.#fetchToken(it) });
    const isPlain = this.endpoint.protocol === "http:";
    this.asked = { ...askedWith(reference, credentials), isPlain };
  }

  /**
   * GETs a path of the registry's API: an answer with its body still to come, whatever its status. It has been tried as
   * often as makes sense; a body that breaks off is the caller's.
   * Throws REGISTRY_UNREACHABLE, REGISTRY_DENIED, REGISTRY_LIMITED, REGISTRY_REDIRECT_REFUSED,
   * REGISTRY_RESPONSE_INVALID and the signals' reasons.
   */
  get(path: string, { signal, tries, ...options }: AskOptions): Promise<Answer> {
    const url = this.#urlOf(path);
    return this.#ask((own) => request(url, { ...options, ...own }), { signal, tries });
  }

  /** The same for an address of anybody's, who is shown nothing that says who we are. */
  getElsewhere(url: URL, { signal, tries, ...options }: AskOptions): Promise<Answer> {
    const { transport: known } = this.#options;
    const transport = known && { route: (address: URL) => known.strangersRoute(address) };
    const wire = { ...this.#wireUntil(signal), transport };
    const attempt = () => request(url, { ...options, ...wire });
    return persist(url.host, attempt, this.#patienceFor(wire, tries));
  }

  /** The same with its body, of at most so many bytes; one that breaks off is asked for again. */
  read(path: string, { signal, tries, ...options }: ReadOptions): Promise<Message> {
    const url = this.#urlOf(path);
    return this.#ask((own) => requestMessage(url, { ...options, ...own }), { signal, tries });
  }

  // What a mirror of several registries goes by; containerd has begun with it.
  // https://github.com/containerd/containerd/blob/v2.1.0/docs/hosts.md#registry-host-namespace
  #urlOf(path: string): URL {
    const url = new URL(path, this.endpoint);
    const { mirrorOf } = this.#options;
    if (mirrorOf !== undefined) url.searchParams.set("ns", mirrorOf);
    return url;
  }

  async #ask<T extends Outcome>(send: Send<T>, { signal, tries }: Limits): Promise<T> {
    const wire = this.#wireUntil(signal);
    const patience = this.#patienceFor(wire, tries);
    const used = this.#proof.current();
    const first = await this.#askWith(await used, send, wire, patience);
    if (first.status !== 401 || first.isForeign) return this.#settle(first, await used);
    const next = this.#proof.answer(parseChallenges(first.headers.get("www-authenticate")), used);
    if (next === undefined) return this.#settle(first, await used);
    await first.body?.cancel().catch(() => {});
    return this.#settle(await this.#askWith(await next, send, wire, patience), await next);
  }

  #wireUntil(signal: AbortSignal | undefined): Wire {
    const ends = [this.#wire.signal, signal].filter((end) => end !== undefined);
    return { ...this.#wire, signal: ends.length > 1 ? AbortSignal.any(ends) : ends[0] };
  }

  #patienceFor({ signal }: Wire, tries = this.patience.tries): Patience {
    return { ...this.patience, tries, signal };
  }

  async #askWith<T extends Outcome>(
    grant: Grant | undefined,
    send: Send<T>,
    wire: Wire,
    patience: Patience,
  ) {
    const attempt = () => send({ ...wire, authorization: grant?.authorization });
    const who = `the registry ${this.asked.reference.registry}`;
    const outcome = await persist(who, attempt, patience);
    if (!outcome.isForeign) this.#tellWarnings(outcome.headers);
    return outcome;
  }

  // Refused without the password, which its token service was not shown: that is what has to be said.
  async #settle<T extends Outcome>(outcome: T, grant: Grant | undefined): Promise<T> {
    const isDenied = outcome.status === 401 || outcome.status === 403;
    if (!isDenied || outcome.isForeign || grant?.withheldFrom === undefined) return outcome;
    await outcome.body?.cancel().catch(() => {});
    throw withheld(grant.withheldFrom, this.asked.reference);
  }

  async #fetchToken(challenge: Challenge): Promise<Grant> {
    const { credentials, onSecret } = this.#options;
    const { reference } = this.asked;
    const grant = await fetchToken(challenge, {
      reference,
      credentials,
      endpoint: this.endpoint,
      wire: this.#wire,
      patience: this.patience,
    });
    onSecret?.(grant.authorization.replace(/^Bearer /, ""));
    return grant;
  }

  #tellWarnings(headers: Headers): void {
    for (const text of parseWarnings(headers)) {
      if (this.#warnings.has(text) || this.#warnings.size === MAX_WARNINGS) continue;
      this.#warnings.add(text);
      this.#options.onWarning?.(text);
    }
  }
}
