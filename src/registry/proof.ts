// What the requests of one session prove themselves with: got once for all of them, renewed before it runs out, and
// replaced when it is refused.

import { RunnerError } from "../errors.ts";
import type { Challenge } from "./challenge.ts";
import type { Clock } from "./clock.ts";
import { basicAuthorization, type Credentials } from "./credentials.ts";
import { isBearerToken } from "./token-answer.ts";
import type { Grant } from "./token.ts";

export interface ProofOptions {
  readonly credentials?: Credentials | undefined;
  readonly clock: Clock;
  fetchToken(challenge: Challenge): Promise<Grant>;
}

/** A token with less time left than this is not begun with: what it opens may take a while. */
const SPARE_MS = 30_000;

export class Proof {
  readonly #options: ProofOptions;
  #held: Promise<Grant> | undefined;
  /** What the held promise has come to. */
  #grant: Grant | undefined;
  #bearer: Challenge | undefined;

  /** Throws CREDENTIALS_UNREADABLE for a token that cannot be sent. */
  constructor(options: ProofOptions) {
    this.#options = options;
    const { credentials } = options;
    if (credentials !== undefined && "registryToken" in credentials)
      this.#hold(Promise.resolve(grantOf(credentials.registryToken)));
  }

  /** What a request is to begin with: undefined as long as nothing has been demanded. */
  current(): Promise<Grant> | undefined {
    const { clock, fetchToken } = this.#options;
    const leftMs = (this.#grant?.expiresAt ?? Infinity) - clock.now();
    if (leftMs < SPARE_MS && this.#bearer !== undefined) this.#hold(fetchToken(this.#bearer));
    return this.#held;
  }

  /** What answers the challenges that a request with `used` has met: undefined where nothing of ours does. */
  answer(
    challenges: readonly Challenge[],
    used: Promise<Grant> | undefined,
  ): Promise<Grant> | undefined {
    const bearer = challenges.find(
      ({ scheme, parameters }) => scheme === "bearer" && parameters.has("realm"),
    );
    const next = this.#choose(bearer, challenges);
    // Several requests may be refused at once when a token has expired: the first to notice gets a new one for all.
    if (next === undefined || (this.#held !== undefined && this.#held !== used)) {
      return next && this.#held;
    }
    this.#bearer = bearer;
    return this.#hold(next());
  }

  // Bearer before Basic: a token is for one repository and a few minutes, a password for everything.
  #choose(
    bearer: Challenge | undefined,
    challenges: readonly Challenge[],
  ): (() => Promise<Grant>) | undefined {
    const { credentials, fetchToken } = this.#options;
    if (credentials !== undefined && "registryToken" in credentials) return undefined;
    if (bearer !== undefined) return () => fetchToken(bearer);
    const isBasic = challenges.some(({ scheme }) => scheme === "basic");
    if (!isBasic || credentials === undefined || !("password" in credentials)) return undefined;
    return () => Promise.resolve({ authorization: basicAuthorization(credentials) });
  }

  #hold(coming: Promise<Grant>): Promise<Grant> {
    this.#held = coming;
    this.#grant = undefined;
    coming.then(
      (grant) => {
        if (this.#held === coming) this.#grant = grant;
      },
      () => {
        if (this.#held === coming) this.#held = undefined;
      },
    );
    return coming;
  }
}

function grantOf(registryToken: string): Grant {
  if (isBearerToken(registryToken)) return { authorization: `Bearer ${registryToken}` };
  throw new RunnerError(
    "CREDENTIALS_UNREADABLE",
    "the registry's token that was found has characters which cannot be sent",
    { hint: "Sign in to the registry again, so that a new token is written down." },
  );
}
