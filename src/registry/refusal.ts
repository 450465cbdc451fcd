// A registry's "no", in words that someone who deploys at midnight understands. Shared by both clients, so that the
// same mistake reads the same.
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes

import * as v from "valibot";
import { RunnerError, printable } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import type { Credentials } from "./credentials.ts";
import { parseJson } from "./json.ts";
import { limitError } from "./limit-refusal.ts";
import type { RateLimit } from "./rate-limit.ts";
import { redact } from "./redact.ts";
import { isLongWait } from "./retry.ts";

/** What was asked of a registry, and how. */
export interface Asked {
  readonly reference: Reference;
  /** A blob; a manifest when absent. */
  readonly blob?: Digest | undefined;
  /** It was asked without encryption. */
  readonly isPlain?: boolean;
  /** There were credentials at hand. */
  readonly signedIn: boolean;
  /** What they are and where they were found, in words; absent where the settings give them. */
  readonly found?: { readonly what: string; readonly where: string };
}

export interface Refusal {
  /** The HTTP status, where it is known. */
  readonly status?: number | undefined;
  /** The specification's codes, such as MANIFEST_UNKNOWN. */
  readonly codes: readonly string[];
  /** The registry's own words. */
  readonly unsafeMessage: string;
  /** Milliseconds that it asks to be left alone. */
  readonly waitMs?: number | undefined;
  readonly rateLimit?: RateLimit | undefined;
}

const SIGN_IN_AGAIN =
  "Sign in to the registry again with docker, podman or crane, or set REGISTRY_USER and REGISTRY_PASSWORD.";

/** How a registry says that it keeps an image back for a reason that no account and no patience changes. */
const WITHHOLDING: Readonly<Record<number, (repository: string) => string>> = {
  402: (repository) => `wants to be paid before it shows ${repository}`,
  // Harbor's, for an image with more vulnerabilities than its project allows.
  412: (repository) => `lets nobody pull ${repository}, by a rule of its operator`,
  451: (repository) => `withholds ${repository} by law`,
};

const errorsSchema = v.object({
  errors: v.array(
    v.object({ code: v.fallback(v.string(), ""), message: v.fallback(v.string(), "") }),
  ),
});

/** Reads the body of an error. A body of another shape, such as a proxy's web page, says nothing. */
export function parseRefusal(
  bytes: Uint8Array | undefined,
): Pick<Refusal, "codes" | "unsafeMessage"> {
  const result = v.safeParse(errorsSchema, parseJson(bytes ?? ""));
  const errors = result.success ? result.output.errors : [];
  return {
    codes: errors.map(({ code }) => code.toUpperCase()),
    unsafeMessage: errors.find(({ message }) => message !== "")?.message ?? "",
  };
}

/** The error for a refusal: REGISTRY_LIMITED, IMAGE_NOT_FOUND, REGISTRY_DENIED or REGISTRY_RESPONSE_INVALID. */
export function refusalError(refusal: Refusal, asked: Asked): RunnerError {
  const { status, codes } = refusal;
  const has = (...wanted: readonly string[]) => codes.some((code) => wanted.includes(code));
  if (status === 429 || has("TOOMANYREQUESTS") || isLongWait(status, refusal.waitMs))
    return limitError(refusal, asked);
  const isUnknown = has(
    "NAME_UNKNOWN",
    "NAME_INVALID",
    "MANIFEST_UNKNOWN",
    "BLOB_UNKNOWN",
    "NOT_FOUND",
  );
  if (isUnknown || status === 404 || status === 410) return notFound(codes, asked);
  if (status === 401 || status === 403 || has("UNAUTHORIZED", "DENIED"))
    return denied(refusal, asked);
  const { registry, repository } = asked.reference;
  const withholding = WITHHOLDING[status ?? 0];
  if (withholding !== undefined) {
    const words = quote(refusal.unsafeMessage);
    return new RunnerError("REGISTRY_DENIED", `${registry} ${withholding(repository)}${words}`);
  }
  const answer = status === undefined ? "with an error" : `with HTTP status ${status}`;
  const hint = hintFor(status, asked);
  return new RunnerError(
    "REGISTRY_RESPONSE_INVALID",
    `${registry} answers ${answer}${quote(refusal.unsafeMessage)}`,
    hint === undefined ? {} : { hint },
  );
}

function hintFor(status = 0, { isPlain = false, reference }: Asked): string | undefined {
  if (status >= 500) return "The registry has a problem of its own; try again later.";
  // What Go's and nginx's servers answer where they expect TLS.
  if (status !== 400 || !isPlain) return undefined;
  const certificate = `~/.config/containers/certs.d/${reference.registry}/ca.crt`;
  return `It was asked without encryption. If it wants TLS, take it out of REGISTRY_PLAIN_HTTP; if it is on this machine, put its authority's certificate into ${certificate}.`;
}

/** How the refusals of a reference are put into words, for one who has these credentials. */
export function askedWith(reference: Reference, credentials: Credentials | undefined): Asked {
  if (credentials === undefined) return { reference, signedIn: false };
  const { source } = credentials;
  const isGiven = "password" in credentials && source === undefined;
  if (isGiven) return { reference, signedIn: true };
  const where = source === undefined ? "that was found" : `of ${printable(source)}`;
  return { reference, signedIn: true, found: { what: kindOf(credentials), where } };
}

function kindOf(credentials: Credentials): string {
  if ("password" in credentials) return "username and password";
  return "identityToken" in credentials ? "identity token" : "token";
}

function notFound(codes: readonly string[], { reference, blob }: Asked): RunnerError {
  const { registry, repository } = reference;
  if (blob !== undefined) {
    return new RunnerError(
      "IMAGE_NOT_FOUND",
      `${registry} has lost a part of ${repository}: ${blob}`,
      {
        hint: "The image is incomplete in its registry; push it again.",
      },
    );
  }
  const what = codes.includes("NAME_UNKNOWN")
    ? `repository named ${repository}`
    : `image ${formatReference(reference).slice(registry.length + 1)}`;
  return new RunnerError("IMAGE_NOT_FOUND", `${registry} has no ${what}`);
}

function denied(
  { status, codes, unsafeMessage }: Refusal,
  { reference, signedIn, found }: Asked,
): RunnerError {
  const { registry, repository } = reference;
  const words = quote(unsafeMessage);
  if (!signedIn) {
    return new RunnerError(
      "REGISTRY_DENIED",
      `${registry} does not show ${repository} to the public: it is private or does not exist, and no username and password were given${words}`,
      {
        hint: "Set REGISTRY_USER and REGISTRY_PASSWORD if the image is private; check its spelling if it is public.",
      },
    );
  }
  const isUnknownUser = status === 401 || (status === undefined && codes.includes("UNAUTHORIZED"));
  const what = isUnknownUser
    ? `does not accept the ${found ? `${found.what} ${found.where}` : "given username and password"} for ${repository}`
    : `does not let the ${found ? `account ${found.where}` : "given account"} pull ${repository}`;
  return new RunnerError(
    "REGISTRY_DENIED",
    `${registry} ${what}${words}`,
    found === undefined ? {} : { hint: SIGN_IN_AGAIN },
  );
}

function quote(unsafeMessage: string): string {
  const text = printable(redact(unsafeMessage.trim()));
  return text === "" ? "" : ` (it says: ${text.length > 160 ? `${text.slice(0, 159)}…` : text})`;
}
