// Why a host cannot be talked to, in words. Bun's own messages hold whole URLs, signatures included.

import { RunnerError } from "../errors.ts";

const RESET = "closes the connection before it has answered in full";
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refuses the connection: nothing listens there, or a firewall is in the way",
  ENOTFOUND: "is a host name that cannot be found",
  EAI_AGAIN: "cannot be looked up, because name resolution does not work here at the moment",
  ECONNRESET: RESET,
  EPIPE: RESET,
  ETIMEDOUT: "does not answer",
  EHOSTUNREACH: "cannot be reached from this network",
  ENETUNREACH: "cannot be reached, because this machine has no network",
  EPROTO: "does not speak TLS, and plain http is spoken to registries on this machine only",
  CERT_HAS_EXPIRED: "has a certificate that has expired",
  CERT_NOT_YET_VALID: "has a certificate that is not valid yet: check this machine's clock",
  ERR_TLS_CERT_ALTNAME_INVALID: "has a certificate for another host",
  DEPTH_ZERO_SELF_SIGNED_CERT: "has a certificate that it signed itself",
  SELF_SIGNED_CERT_IN_CHAIN: "has a certificate of an authority that is not trusted here",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "has a certificate of an authority that is not trusted here",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "has a certificate of an authority that is not trusted here",
};

/** The error for a request or a body that failed below HTTP. */
export function unreachable(host: string, error: unknown): RunnerError {
  if (error instanceof RunnerError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return unreachableFor(code, host, error);
}

/** The same for a code of the system's or of TLS, such as ECONNREFUSED. */
export function unreachableFor(code: string, host: string, cause?: unknown): RunnerError {
  const words = WORDS[code] ?? `cannot be talked to${/^\w+$/.test(code) ? ` (${code})` : ""}`;
  return new RunnerError("REGISTRY_UNREACHABLE", `${host} ${words}`, { cause });
}

/** The error for a host that has been silent for `stallMs`. */
export function silent(host: string, stallMs: number): RunnerError {
  return new RunnerError("REGISTRY_UNREACHABLE", `${host} has been silent for ${seconds(stallMs)}`);
}

/** Milliseconds in words, for a sentence. */
export function seconds(ms: number): string {
  return ms === 1000 ? "1 second" : `${ms / 1000} seconds`;
}
