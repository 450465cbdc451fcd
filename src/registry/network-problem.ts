// Why a host cannot be talked to, in words. Bun's own messages hold whole URLs, signatures included.

import { RunnerError, reasonOf } from "../errors.ts";
import { redact } from "./redact.ts";

/** What a connection goes through, as `host:port`: the words for what fails then. */
export type Proxy = string | undefined;

const RESET = "closes the connection before it has answered in full";
const GARBLED = "answers with something that is not HTTP";
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refuses the connection: nothing listens there, or a firewall is in the way",
  ENOTFOUND: "is a host name that cannot be found",
  EAI_AGAIN: "cannot be looked up, because name resolution does not work here at the moment",
  ECONNRESET: RESET,
  EPIPE: RESET,
  ETIMEDOUT: "does not answer",
  InvalidHTTPResponse: GARBLED,
  Malformed_HTTP_Response: GARBLED,
  ResponseHeadersTooLarge: "answers with headers that have no end",
  EHOSTUNREACH: "cannot be reached from this network",
  ENETUNREACH: "cannot be reached, because this machine has no network",
  EPROTO: "does not speak TLS, or only an old version of it, or it wants a client certificate",
  CERT_HAS_EXPIRED: "has a certificate that has expired",
  CERT_NOT_YET_VALID: "has a certificate that is not valid yet: check this machine's clock",
  ERR_TLS_CERT_ALTNAME_INVALID: "has a certificate for another host",
  DEPTH_ZERO_SELF_SIGNED_CERT: "has a certificate that it signed itself",
  SELF_SIGNED_CERT_IN_CHAIN: "has a certificate of an authority that is not trusted here",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "has a certificate of an authority that is not trusted here",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "has a certificate of an authority that is not trusted here",
};

const UNTRUSTED =
  "Set REGISTRY_CA_FILE to a PEM file with the certificate of its authority, if you trust that.";
const HINTS: Readonly<Record<string, string>> = {
  EPROTO:
    "If it is meant to be asked without encryption, name it in REGISTRY_PLAIN_HTTP; a client certificate belongs into certs.d.",
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
};
const PROXY_HINT =
  "Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY; NO_PROXY names the hosts that are reached without a proxy.";
const SIGN_IN_HINT =
  "Write them into the variable that names the proxy, as in HTTPS_PROXY=http://user:password@host:port, with special characters as in a URL (%40 for @).";

// With a proxy in between these are about the connection to it: the other one is its own.
const CONNECTING = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

// What may pass by itself. A name that does not exist and a certificate that is wrong stay as they are.
const PASSING = new Set([
  "EAI_AGAIN",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EPIPE",
  "ETIMEDOUT",
]);

/** Whether a code is about making a connection, and not about what came over it. */
export function isConnecting(code: string): boolean {
  return CONNECTING.has(code);
}

/** The error for a request or a body that failed below HTTP. */
export function unreachable(host: string, error: unknown, proxy?: Proxy): RunnerError {
  if (error instanceof RunnerError) return error;
  const code = codeOf(error);
  if (code === "ERR_PROXY_TUNNEL" && proxy !== undefined) {
    const status = /: (\d{3})\b/.exec(reasonOf(error))?.[1];
    return proxyRefusal(host, proxy, Number(status), withoutAddress(error));
  }
  return unreachableFor(code, host, { cause: withoutAddress(error), proxy });
}

/** The same for a code of the system's or of TLS, such as ECONNREFUSED. */
export function unreachableFor(
  code: string,
  host: string,
  { cause, proxy }: { readonly cause?: unknown; readonly proxy?: Proxy } = {},
): RunnerError {
  const words = WORDS[code] ?? `cannot be talked to${/^\w+$/.test(code) ? ` (${code})` : ""}`;
  if (proxy !== undefined && CONNECTING.has(code)) return proxyProblem(proxy, words, cause);
  const hint = HINTS[code];
  return new RunnerError("REGISTRY_UNREACHABLE", `${host} ${words}${through(proxy)}`, {
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The error for a proxy that answers itself instead of passing a request on to the host. */
export function proxyRefusal(
  host: string,
  proxy: string,
  status: number,
  cause?: unknown,
): RunnerError {
  if (status === 407) {
    const problem = "wants a username and a password, or others than it was given";
    return proxyProblem(proxy, problem, cause, SIGN_IN_HINT);
  }
  return proxyProblem(proxy, `does not connect us with ${host} (it answers ${status})`, cause);
}

/** The error for a host that has been silent for `stallMs`. */
export function silent(host: string, stallMs: number, proxy?: Proxy): RunnerError {
  const problem = `${host} has been silent for ${seconds(stallMs)}${through(proxy)}`;
  const cause = Object.assign(new Error("no byte has come"), { code: "ETIMEDOUT" });
  return new RunnerError("REGISTRY_UNREACHABLE", problem, { cause });
}

/** The error for a host that says little for `ms` without coming to an end. */
export function endless(host: string, ms: number, proxy?: Proxy): RunnerError {
  const problem = `${host} has not finished a short answer after ${seconds(ms)}${through(proxy)}`;
  const cause = Object.assign(new Error("the last byte has not come"), { code: "ETIMEDOUT" });
  return new RunnerError("REGISTRY_UNREACHABLE", problem, { cause });
}

/** Whether this is one of the errors above, and the same request may succeed a moment later. */
export function isPassingProblem(error: unknown): error is RunnerError {
  const isOurs = error instanceof RunnerError && error.code === "REGISTRY_UNREACHABLE";
  return isOurs && PASSING.has(codeOf(error.cause));
}

/** Milliseconds in words, for a sentence. */
export function seconds(ms: number): string {
  return ms === 1000 ? "1 second" : `${ms / 1000} seconds`;
}

function proxyProblem(
  proxy: string,
  problem: string,
  cause: unknown,
  hint = PROXY_HINT,
): RunnerError {
  return new RunnerError("REGISTRY_UNREACHABLE", `the proxy ${proxy} ${problem}`, { cause, hint });
}

function through(proxy: Proxy): string {
  return proxy === undefined ? "" : `, asked through the proxy ${proxy}`;
}

// Bun writes the whole address into its errors, and a signed one is as good as a password.
function withoutAddress(error: unknown): Error {
  return Object.assign(new Error(redact(reasonOf(error))), { code: codeOf(error) });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
