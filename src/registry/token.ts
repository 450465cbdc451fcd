// Bearer access: a token from the service that the registry names in its challenge.
// https://github.com/distribution/distribution/blob/v3.0.0/docs/content/spec/auth/token.md

import * as v from "valibot";
import { RunnerError } from "../errors.ts";
import type { Reference } from "../oci/reference.ts";
import type { Challenge } from "./challenge.ts";
import { basicAuthorization, type PasswordCredentials } from "./credentials.ts";
import { belongsTo, parseRealm } from "./redirect.ts";
import { parseRefusal, refusalError } from "./refusal.ts";
import { readBody, request } from "./request.ts";

/** What a request proves itself with. */
export interface Grant {
  /** The Authorization header. */
  readonly authorization: string;
  /** A token service that was not shown the credentials, because it does not belong to the registry. */
  readonly withheldFrom?: string;
}

export interface TokenOptions {
  readonly reference: Reference;
  readonly credentials?: PasswordCredentials | undefined;
  readonly stallMs: number;
}

/** Bytes of any answer that is neither a manifest nor a blob. */
export const MAX_MESSAGE_BYTES = 64 * 1024;

const tokenSchema = v.object({
  token: v.nullish(v.string()),
  access_token: v.nullish(v.string()),
});

/**
 * Gets a token, for the scope of the challenge: with the credentials where the service belongs to the registry, else
 * without. Public images need a token as well.
 * Throws REGISTRY_DENIED, REGISTRY_UNREACHABLE, REGISTRY_LIMITED, REGISTRY_REDIRECT_REFUSED, REGISTRY_RESPONSE_INVALID.
 */
export async function fetchToken(challenge: Challenge, options: TokenOptions): Promise<Grant> {
  const { reference, stallMs } = options;
  const realm = parseRealm(challenge.parameters.get("realm") ?? "", reference.registry);
  const isTrusted = belongsTo(realm, reference.registry);
  const credentials = isTrusted ? options.credentials : undefined;
  const withheldFrom = options.credentials !== undefined && !isTrusted ? realm.host : undefined;
  const answer = await request(tokenUrl(realm, challenge, reference), {
    accept: "application/json",
    authorization: credentials && basicAuthorization(credentials),
    stallMs,
  });
  const { status, headers } = answer;
  const bytes = await readBody(answer.body, MAX_MESSAGE_BYTES);
  if (status === 200) {
    const authorization = `Bearer ${parseToken(bytes, realm.host)}`;
    return withheldFrom === undefined ? { authorization } : { authorization, withheldFrom };
  }
  if (withheldFrom !== undefined && (status === 401 || status === 403))
    throw withheld(withheldFrom, reference);
  if (status === 404) throw tokenProblem(realm.host, "has no token service");
  const unsafeRetryAfter = headers.get("retry-after") ?? undefined;
  throw refusalError(
    { status, ...parseRefusal(bytes), unsafeRetryAfter },
    { reference, signedIn: credentials !== undefined },
  );
}

/** The error for a registry that refuses us while the password was kept from its token service. */
export function withheld(host: string, { registry }: Reference): RunnerError {
  return new RunnerError(
    "REGISTRY_DENIED",
    `${registry} wants the username and the password sent to ${host}, which does not belong to it, so they were not sent`,
    { hint: "Check the registry's name in IMAGE; tell its operator if it is right." },
  );
}

function tokenUrl(realm: URL, { parameters }: Challenge, { repository }: Reference): URL {
  const url = new URL(realm);
  const service = parameters.get("service");
  if (service !== undefined) url.searchParams.set("service", service);
  const scopes = parameters.get("scope") ?? `repository:${repository}:pull`;
  for (const scope of scopes.split(" ").filter((text) => text !== "")) {
    url.searchParams.append("scope", scope);
  }
  return url;
}

function parseToken(bytes: Uint8Array | undefined, host: string): string {
  if (bytes === undefined) throw tokenProblem(host, "has a token of more than 64 KiB");
  const result = v.safeParse(tokenSchema, parseJson(bytes));
  const token = result.success ? (result.output.token ?? result.output.access_token ?? "") : "";
  // Only what may stand in a header: a line break would begin another one.
  if (!/^[\x21-\x7e]+$/.test(token)) throw tokenProblem(host, "answers without a usable token");
  return token;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function tokenProblem(host: string, problem: string): RunnerError {
  return new RunnerError(
    "REGISTRY_RESPONSE_INVALID",
    `${host}, which the registry names for signing in, ${problem}`,
  );
}
