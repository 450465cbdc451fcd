// Bearer access: a token from the service that the registry names in its challenge.
// https://github.com/distribution/distribution/blob/v3.0.0/docs/content/spec/auth/token.md
// https://github.com/distribution/distribution/blob/v3.0.0/docs/content/spec/auth/oauth.md

import { RunnerError } from "../errors.ts";
import type { Reference } from "../oci/reference.ts";
import type { Challenge } from "./challenge.ts";
import { basicAuthorization, type Credentials, type IdentityToken } from "./credentials.ts";
import { messageRefusal } from "./message-refusal.ts";
import { persist, type Patience } from "./persist.ts";
import { belongsTo, checkRealm, parseRealm } from "./redirect.ts";
import { MAX_MESSAGE_BYTES, requestMessage, type Message, type Wire } from "./request.ts";
import { askedWith } from "./refusal.ts";
import { parseToken } from "./token-answer.ts";

/** What a request proves itself with. */
export interface Grant {
  /** The Authorization header. */
  readonly authorization: string;
  /** Milliseconds since 1970; never, when absent. */
  readonly expiresAt?: number;
  /** A token service that was not shown the credentials, because it does not belong to the registry. */
  readonly withheldFrom?: string;
}

export interface TokenOptions {
  readonly reference: Reference;
  /** The root of the registry's API. */
  readonly endpoint: URL;
  readonly credentials?: Credentials | undefined;
  readonly wire: Wire;
  readonly patience: Patience;
}

interface Service extends TokenOptions {
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
}

// How services say that they know no OAuth2: Azure's 400, Artifactory's 401, Google's 404, and what the others have.
const NO_OAUTH2 = new Set([301, 302, 303, 307, 308, 400, 401, 404, 405]);

/**
 * Gets a token, for the scope of the challenge: with the credentials where the service belongs to the registry, else
 * without. Public images need a token as well.
 * Throws REGISTRY_DENIED, REGISTRY_UNREACHABLE, REGISTRY_LIMITED, REGISTRY_REDIRECT_REFUSED, REGISTRY_RESPONSE_INVALID.
 */
export async function fetchToken(challenge: Challenge, options: TokenOptions): Promise<Grant> {
  const { reference, endpoint, patience } = options;
  const { parameters } = challenge;
  const realm = parseRealm(parameters.get("realm") ?? "", reference.registry, endpoint);
  const isTrusted = belongsTo(realm, reference.registry);
  const credentials = isTrusted ? options.credentials : undefined;
  const withheldFrom = options.credentials !== undefined && !isTrusted ? realm.host : undefined;
  const scope = parameters.get("scope") ?? `repository:${reference.repository}:pull`;
  const scopes = scope.split(" ").filter((text) => text !== "");
  const service = { ...options, credentials, realm, scopes, service: parameters.get("service") };
  const message = await askFor(service);
  if (message.status !== 200) throw refusal(message, service, withheldFrom);
  if (message.bytes === undefined) throw problemOf(realm, "has a token of more than 64 KiB");
  const token = parseToken(message.bytes, message.headers, patience.clock.now());
  if (token === undefined) throw problemOf(realm, "answers without a usable token");
  const grant = { authorization: `Bearer ${token.token}`, expiresAt: token.expiresAt };
  return withheldFrom === undefined ? grant : { ...grant, withheldFrom };
}

/** The error for a registry that refuses us while the password was kept from its token service. */
export function withheld(host: string, { registry }: Reference): RunnerError {
  return new RunnerError(
    "REGISTRY_DENIED",
    `${registry} wants the username and the password sent to ${host}, which does not belong to it, so they were not sent`,
    { hint: "Check the registry's name in IMAGE; tell its operator if it is right." },
  );
}

async function askFor(service: Service): Promise<Message> {
  const { credentials } = service;
  if (credentials === undefined || "registryToken" in credentials) return await get(service);
  if ("password" in credentials) return await get(service, basicAuthorization(credentials));
  const answer = await post(service, credentials);
  if (!NO_OAUTH2.has(answer.status)) return answer;
  // Azure's takes an identity token for a password, where it is known whose.
  const { username, identityToken: password } = credentials;
  return await get(service, username && basicAuthorization({ username, password }));
}

function get({ service, scopes, ...options }: Service, authorization?: string): Promise<Message> {
  const url = new URL(options.realm);
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  return send(url, options, { authorization });
}

function post({ service, scopes, ...options }: Service, { identityToken }: IdentityToken) {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    refresh_token: identityToken,
    client_id: "fastmcp-runner",
    scope: scopes.join(" "),
    ...(service === undefined ? {} : { service }),
  });
  return send(options.realm, options, { form });
}

function send(
  url: URL,
  { wire, patience, reference, endpoint }: TokenOptions,
  proof: { readonly authorization?: string | undefined; readonly form?: URLSearchParams },
): Promise<Message> {
  const options = {
    ...wire,
    ...proof,
    accept: "application/json",
    maxBytes: MAX_MESSAGE_BYTES,
    checkRedirect: (next: URL) => checkRealm(next, reference.registry, endpoint),
  };
  return persist(url.host, () => requestMessage(url, options), patience);
}

function refusal(message: Message, { realm, ...options }: Service, withheldFrom?: string) {
  const { reference, credentials } = options;
  const { status, isForeign, host } = message;
  const isDenied = status === 401 || status === 403;
  if (isDenied && withheldFrom !== undefined) return withheld(withheldFrom, reference);
  if (status === 404) return problemOf(realm, "has no token service");
  if (isForeign)
    return problemOf(realm, `sends us to ${host}, which answers with HTTP status ${status}`);
  return messageRefusal(message, askedWith(reference, credentials));
}

function problemOf({ host }: URL, problem: string): RunnerError {
  return new RunnerError(
    "REGISTRY_RESPONSE_INVALID",
    `${host}, which the registry names for signing in, ${problem}`,
  );
}
