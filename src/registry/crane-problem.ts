// What crane's end means: its exit status says little, so its words are read, and turned into the same errors that the
// built-in client has.

import { RunnerError, printable, reasonOf } from "../errors.ts";
import type { ChildEnd } from "../system/child.ts";
import { craneMayDowngrade } from "./host.ts";
import { seconds, unreachableFor } from "./network-problem.ts";
import { refusalError, type Asked } from "./refusal.ts";

export interface CraneCall {
  readonly registry: string;
  readonly signedIn: boolean;
  readonly stallMs: number;
  /** What was asked for; absent while signing in. */
  readonly asked?: Omit<Asked, "signedIn">;
}

const STATUS = /unexpected status code (\d{3})\b/;
const CODE =
  /\b(UNAUTHORIZED|DENIED|NAME_UNKNOWN|NAME_INVALID|MANIFEST_UNKNOWN|BLOB_UNKNOWN|NOT_FOUND|TOOMANYREQUESTS|UNSUPPORTED|UNKNOWN)(?:: ([^;\n]*)|\b)/g;

// How Go's network stack says it, and the code that means the same. The handshake comes last: to a registry on this
// machine crane speaks TLS first, so that failure stands before the one that counts.
const NETWORK: readonly (readonly [RegExp, string])[] = [
  [/no such host/, "ENOTFOUND"],
  [/server misbehaving|Temporary failure in name resolution/, "EAI_AGAIN"],
  [/connection refused/, "ECONNREFUSED"],
  [/no route to host/, "EHOSTUNREACH"],
  [/network is unreachable/, "ENETUNREACH"],
  [/i\/o timeout|handshake timeout|deadline exceeded|connection timed out/, "ETIMEDOUT"],
  [/certificate has expired or is not yet valid/, "CERT_HAS_EXPIRED"],
  [
    /certificate is valid for|contain any IP SANs|not valid for any names/,
    "ERR_TLS_CERT_ALTNAME_INVALID",
  ],
  [
    /certificate signed by unknown authority|failed to verify certificate/,
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  ],
  [/connection reset|broken pipe|\bEOF\b/, "ECONNRESET"],
  [/HTTP response to HTTPS client|does not look like a TLS handshake/, "EPROTO"],
];

/** The error for a crane that has not ended well. */
export function craneError(end: ChildEnd, call: CraneCall): RunnerError {
  const { unsafeStderr } = end;
  if (end.stalled)
    return failed(`was silent for ${seconds(call.stallMs)} and has been ended`, call, unsafeStderr);
  if (end.exitCode === undefined)
    return failed(`was ended by ${end.signal ?? "a signal"}`, call, unsafeStderr);
  if (/error verifying sha\d+ checksum|does not match requested digest/.test(unsafeStderr)) {
    return new RunnerError(
      "DIGEST_MISMATCH",
      `what ${call.registry} sent does not match its digest${quote(unsafeStderr)}`,
    );
  }
  if (
    /SSRF protection|refusing token-server redirect|is a private or link-local address/.test(
      unsafeStderr,
    )
  ) {
    return new RunnerError(
      "REGISTRY_REDIRECT_REFUSED",
      `crane does not follow where ${call.registry} sends it${quote(unsafeStderr)}`,
    );
  }
  return (
    refusalIn(unsafeStderr, call) ??
    networkProblemIn(unsafeStderr, call) ??
    failed(`ended with exit status ${end.exitCode}${quote(unsafeStderr)}`, call, unsafeStderr)
  );
}

/** The error for a crane that cannot be started. */
export function startError(program: string, error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === undefined) return error;
  const reason = code === "ENOENT" ? "there is no such program" : reasonOf(error);
  return new RunnerError(
    "CRANE_MISSING",
    `crane cannot be started as ${printable(program)}: ${printable(reason)}`,
    { cause: error },
  );
}

/** The reason why a registry must not be asked through crane, if there is one. */
export function craneUnsafe(registry: string): RunnerError | undefined {
  if (!craneMayDowngrade(registry)) return undefined;
  return new RunnerError(
    "CRANE_FAILED",
    `crane would ask ${registry} without encryption when it gets no encrypted answer`,
    {
      hint: "Set REGISTRY_CLIENT=builtin, which insists on https for every registry that is not on this machine.",
    },
  );
}

function refusalIn(unsafeStderr: string, { asked, signedIn }: CraneCall): RunnerError | undefined {
  if (asked === undefined) return undefined;
  const found = [...unsafeStderr.matchAll(CODE)];
  const status = STATUS.exec(unsafeStderr)?.[1];
  if (found.length === 0 && status === undefined) return undefined;
  const refusal = {
    status: status === undefined ? undefined : Number(status),
    codes: found.map(([, code = ""]) => code),
    unsafeMessage: found.find(([, , words]) => words)?.[2] ?? "",
  };
  return refusalError(refusal, { ...asked, signedIn });
}

function networkProblemIn(unsafeStderr: string, { registry }: CraneCall): RunnerError | undefined {
  const code = NETWORK.find(([pattern]) => pattern.test(unsafeStderr))?.[1];
  if (code === undefined) return undefined;
  // The host may be another one, to which the registry has sent crane.
  const host = [...unsafeStderr.matchAll(/"https?:\/\/([\w.:[\]-]+)[/"]/g)].at(-1)?.[1];
  return unreachableFor(code, host ?? registry);
}

// All that crane has said is the cause: there it may be long.
function failed(problem: string, { asked }: CraneCall, unsafeStderr: string): RunnerError {
  const words = withoutQueries(unsafeStderr.trim());
  return new RunnerError("CRANE_FAILED", `crane ${problem}`, {
    ...(asked === undefined ? {} : { stage: "fetch-config" }),
    ...(words === "" ? {} : { cause: words }),
  });
}

// A signed URL is as good as a password.
function withoutQueries(unsafeText: string): string {
  return unsafeText.replace(/\?[^\s"]+/g, "?…");
}

// The last line.
function quote(unsafeStderr: string): string {
  const line = unsafeStderr.trim().split("\n").at(-1) ?? "";
  const text = printable(withoutQueries(line.replace(/^Error: /, "")));
  return text === "" ? "" : ` (it says: ${text.length > 300 ? `${text.slice(0, 299)}…` : text})`;
}
