// What a client of registries must never do, whatever it is told: the rules that the misbehaving registry holds every
// request against. Knows requests, and nothing of how a client is made.

import type { MisbehavingOptions, RegistryRequest, Step } from "./misbehaving-registry.ts";

/** Secrets of tests begin with it: passwords, tokens and signatures alike. */
const CANARY = /canary/i;

const METHODS: Readonly<Record<Step, readonly string[]>> = {
  token: ["GET", "POST"],
  manifest: ["GET", "HEAD"],
  // Amazon's public registry answers 401 to a HEAD of a blob that it gives to a GET.
  // https://github.com/aws/containers-roadmap/issues/2671
  config: ["GET"],
  blob: ["GET"],
  storage: ["GET"],
  // A registry may send clients there for manifests too.
  stranger: ["GET", "HEAD"],
  other: [],
};

/** What the request does wrong, a sentence each; `before` are the earlier ones. */
export function offences(
  request: RegistryRequest,
  before: readonly RegistryRequest[],
  { access }: Pick<MisbehavingOptions, "access">,
): readonly string[] {
  const { step, method, path, headers } = request;
  const problems: string[] = [];
  const isOwn = step !== "storage" && step !== "stranger";
  const authorization = headers.get("authorization") ?? "";
  if (!METHODS[step].includes(method)) problems.push("asks what no pull needs");
  if (!isOwn && holdsSecret(request)) problems.push("shows a secret to a host that is not its own");
  if (isOwn && CANARY.test(decodeURIComponent(request.target)))
    problems.push("has a secret in its URL");
  if (headers.has("cookie") || headers.has("referer")) problems.push("tells where it has been");
  if (isOwn && step !== "token" && authorization !== "" && !wasAsked(before))
    problems.push("proves itself before anybody asked");
  if (access?.scheme === "bearer" && step !== "token" && authorization.startsWith("Basic "))
    problems.push("shows the password where a token is wanted");
  if (headers.get("accept-encoding") !== "identity") problems.push("takes bytes in other clothes");
  // Some hosts mishandle a Range, so it stands only in a request for the rest of something.
  // https://github.com/containerd/containerd/commit/d3516916a
  if (headers.has("range") && !before.some((earlier) => isSameWhole(earlier, request)))
    problems.push("asks for a part of what it has not asked for before");
  if (step === "storage" && wasRefused(request, before))
    problems.push("uses a signed address that was refused");
  return problems.map((problem) => `${method} ${path} (${step}) ${problem}`);
}

function holdsSecret({ headers, body, query, step }: RegistryRequest): boolean {
  const signature = step === "storage" ? query.get("signature") : null;
  const values = [...headers.values(), body, ...query.values()].filter(
    (value) => value !== signature,
  );
  // Basic access hides the password in base64.
  return headers.has("authorization") || values.some((value) => CANARY.test(value));
}

function wasAsked(before: readonly RegistryRequest[]): boolean {
  return before.some((request) => statusOf(request) === 401);
}

function wasRefused({ target }: RegistryRequest, before: readonly RegistryRequest[]): boolean {
  return before.some((earlier) => earlier.target === target && statusOf(earlier) === 403);
}

function isSameWhole(earlier: RegistryRequest, { name }: RegistryRequest): boolean {
  return earlier.name === name && !earlier.headers.has("range");
}

function statusOf(request: RegistryRequest & { readonly status?: number }): number | undefined {
  return request.status;
}
