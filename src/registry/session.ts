// Requests to a registry that prove themselves as the registry wants. There is no ping: the refusal of the first
// request says what is wanted, and one request less is made.

import type { Reference } from "../oci/reference.ts";
import { parseChallenges, type Challenge } from "./challenge.ts";
import { basicAuthorization, type PasswordCredentials } from "./credentials.ts";
import { endpointOf } from "./host.ts";
import { discard, request, type Answer } from "./request.ts";
import { fetchToken, withheld, type Grant } from "./token.ts";

export interface SessionOptions {
  readonly credentials?: PasswordCredentials | undefined;
  readonly stallMs: number;
}

export interface Session {
  readonly signedIn: boolean;
  /** GETs a path of the registry's API: the answer, or the refusal that no proof of ours changes. */
  get(reference: Reference, path: string, accept: string): Promise<Answer>;
}

export function createSession({ credentials, stallMs }: SessionOptions): Session {
  const grants = new Map<string, Promise<Grant>>();

  async function get(reference: Reference, path: string, accept: string): Promise<Answer> {
    const url = new URL(path, endpointOf(reference.registry));
    const key = `${reference.registry}/${reference.repository}`;
    const used = grants.get(key);
    const first = await request(url, {
      accept,
      stallMs,
      authorization: (await used)?.authorization,
    });
    if (first.status !== 401 || first.isForeign) return first;
    const authorize = chooseProof(
      parseChallenges(first.headers.get("www-authenticate")),
      reference,
    );
    if (authorize === undefined) return first;
    await discard(first);
    // Several blobs may be refused at once when a token has expired: the first to notice gets a new one for all.
    if (grants.get(key) === used) grants.set(key, forgetFailure(key, authorize()));
    const grant = await grants.get(key);
    const second = await request(url, { accept, stallMs, authorization: grant?.authorization });
    const isDenied = second.status === 401 || second.status === 403;
    if (!isDenied || grant?.withheldFrom === undefined) return second;
    await discard(second);
    throw withheld(grant.withheldFrom, reference);
  }

  // Bearer before Basic: a token is for one repository and a few minutes, a password for everything.
  function chooseProof(challenges: readonly Challenge[], reference: Reference) {
    const bearer = challenges.find(
      ({ scheme, parameters }) => scheme === "bearer" && parameters.has("realm"),
    );
    if (bearer !== undefined) return () => fetchToken(bearer, { reference, credentials, stallMs });
    const isBasic = challenges.some(({ scheme }) => scheme === "basic");
    if (!isBasic || credentials === undefined) return undefined;
    return () => Promise.resolve({ authorization: basicAuthorization(credentials) });
  }

  function forgetFailure(key: string, grant: Promise<Grant>): Promise<Grant> {
    grant.catch(() => grants.delete(key));
    return grant;
  }

  return { signedIn: credentials !== undefined, get };
}
