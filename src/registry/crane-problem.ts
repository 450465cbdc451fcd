// What crane's end means: its exit status says little, so its words are read, and turned into the same errors that the
// built-in client has.

import { RunnerError, printable, reasonOf } from "../errors.ts";
import type { ChildEnd } from "../system/child.ts";
import { nodeHttp } from "../system/rare-modules.ts";
import { craneMayDowngrade } from "./host.ts";
import { isConnecting, proxyRefusal, seconds, unreachableFor } from "./network-problem.ts";
import { refusalError, type Asked } from "./refusal.ts";
import type { Transport } from "./transport.ts";

export interface CraneCall {
  readonly asked: Asked;
  readonly stallMs: number;
  /** Host and port of the proxy that the registry is asked through. */
  readonly proxy?: string | undefined;
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
  [/remote error: tls:|tls: handshake failure|unsupported protocol version/, "EPROTO"],
];

/** The error for a crane that has not ended well. */
export function craneError(end: ChildEnd, call: CraneCall): RunnerError {
  const { unsafeStderr } = end;
  const { registry } = call.asked.reference;
  if (end.stalled)
    return failed(`was silent for ${seconds(call.stallMs)} and has been ended`, unsafeStderr);
  if (end.exitCode === undefined)
    return failed(`was ended by ${end.signal ?? "a signal"}`, unsafeStderr);
  if (/error verifying sha\d+ checksum|does not match requested digest/.test(unsafeStderr)) {
    return new RunnerError(
      "DIGEST_MISMATCH",
      `what ${registry} sent does not match its digest${quote(unsafeStderr)}`,
    );
  }
  if (
    /SSRF protection|refusing token-server redirect|is a private or link-local address/.test(
      unsafeStderr,
    )
  ) {
    return new RunnerError(
      "REGISTRY_REDIRECT_REFUSED",
      `crane does not follow where ${registry} sends it${quote(unsafeStderr)}`,
    );
  }
  return (
    proxyRefusalIn(unsafeStderr, call) ??
    refusalIn(unsafeStderr, call) ??
    networkProblemIn(unsafeStderr, call) ??
    failed(`ended with exit status ${end.exitCode}${quote(unsafeStderr)}`, unsafeStderr)
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

/** What matters for whether a registry may be asked through crane. */
export interface CraneConditions {
  readonly registry: string;
  readonly transport: Transport;
  /** REGISTRY_MIRRORS has others to ask before it. */
  readonly hasMirrors?: boolean;
}

/** The reason why a registry must not be asked through crane, if there is one. */
export function craneObstacle(conditions: CraneConditions): RunnerError | undefined {
  const { registry, transport, hasMirrors = false } = conditions;
  const hint = "Set REGISTRY_CLIENT to builtin, or to auto.";
  if (hasMirrors) {
    const problem = `crane knows no mirrors, and REGISTRY_MIRRORS names some of ${registry}`;
    return new RunnerError("CRANE_FAILED", problem, { hint });
  }
  if (transport.showsCertificate) {
    const problem = `crane cannot show the client certificate that certs.d has for ${registry}`;
    return new RunnerError("CRANE_FAILED", problem, { hint });
  }
  if (!craneMayDowngrade(registry, transport.endpoint)) return undefined;
  return new RunnerError(
    "CRANE_FAILED",
    `crane would ask ${registry} without encryption when it gets no encrypted answer`,
    {
      hint: "Set REGISTRY_CLIENT=builtin, which insists on https, or name the registry in REGISTRY_PLAIN_HTTP.",
    },
  );
}

function refusalIn(unsafeStderr: string, { asked }: CraneCall): RunnerError | undefined {
  const found = [...unsafeStderr.matchAll(CODE)];
  const status = STATUS.exec(unsafeStderr)?.[1];
  if (found.length === 0 && status === undefined) return undefined;
  const refusal = {
    status: status === undefined ? undefined : Number(status),
    codes: found.map(([, code = ""]) => code),
    unsafeMessage: found.find(([, , words]) => words)?.[2] ?? "",
  };
  return refusalError(refusal, asked);
}

// A proxy that makes no tunnel is quoted by the words of its status alone, and one that passes nothing on looks like a
// registry, but for its status.
function proxyRefusalIn(
  unsafeStderr: string,
  { asked, proxy }: CraneCall,
): RunnerError | undefined {
  if (proxy === undefined) return undefined;
  const words = /"https:[^"\s]+": ([A-Z][\w' -]+)$/m.exec(unsafeStderr)?.[1];
  const status =
    words === undefined
      ? STATUS.exec(unsafeStderr)?.[1]
      : Object.entries(nodeHttp().STATUS_CODES).find(([, text]) => text === words)?.[0];
  if (status === undefined || (words === undefined && status !== "407")) return undefined;
  return proxyRefusal(asked.reference.registry, proxy, Number(status));
}

function networkProblemIn(
  unsafeStderr: string,
  { asked, proxy }: CraneCall,
): RunnerError | undefined {
  const code = NETWORK.find(([pattern]) => pattern.test(unsafeStderr))?.[1];
  if (code === undefined) return undefined;
  // The host may be another one, to which the registry has sent crane.
  const host = [...unsafeStderr.matchAll(/"https?:\/\/([\w.:[\]-]+)[/"]/g)].at(-1)?.[1];
  // A connection that fails is the one to the proxy only if Go says so.
  const isDirect = isConnecting(code) && !unsafeStderr.includes("proxyconnect tcp:");
  return unreachableFor(code, host ?? asked.reference.registry, isDirect ? {} : { proxy });
}

// All that crane has said is the cause: there it may be long.
function failed(problem: string, unsafeStderr: string): RunnerError {
  const words = withoutQueries(unsafeStderr.trim());
  return new RunnerError("CRANE_FAILED", `crane ${problem}`, {
    stage: "fetch-config",
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
