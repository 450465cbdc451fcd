// "Not so often", in words: how many pulls, in what time, and what an account would change.

import { RunnerError } from "../errors.ts";
import { DOCKER_HUB } from "../oci/reference.ts";
import { inWords } from "./duration.ts";
import { formatRateLimit, type RateLimit } from "./rate-limit.ts";
import type { Asked } from "./refusal.ts";
import { isPassing } from "./retry.ts";

export interface Limitation {
  readonly status?: number | undefined;
  /** Milliseconds that it asks to be left alone. */
  readonly waitMs?: number | undefined;
  readonly rateLimit?: RateLimit | undefined;
}

const COUNTING =
  "Docker Hub counts every manifest that is read, but not the question whether one has changed: with CACHE_DIR an unchanged image costs no pull.";

/** The error for a registry that limits how often it is asked, or wants to be left alone for longer than we wait. */
export function limitError(limitation: Limitation, { reference, signedIn }: Asked): RunnerError {
  const { registry } = reference;
  const { status, waitMs, rateLimit } = limitation;
  const wait = waitMs ? `; it asks to wait ${inWords(waitMs)}` : "";
  const isTrouble = status !== undefined && status !== 429 && isPassing(status);
  if (isTrouble && rateLimit === undefined) {
    const message = `${registry} answers with HTTP status ${status}${wait}`;
    return new RunnerError("REGISTRY_LIMITED", message, { hint: "Try again after that time." });
  }
  const who = signedIn ? "by this account" : "from this network without an account";
  const quota = rateLimit === undefined ? "" : `: ${formatRateLimit(rateLimit)}`;
  const step = signedIn
    ? "Wait, and pull less often, or use an account with a higher limit."
    : "Wait, or set REGISTRY_USER and REGISTRY_PASSWORD: an account has a limit of its own, most often a higher one.";
  return new RunnerError(
    "REGISTRY_LIMITED",
    `${registry} limits how often images are pulled ${who}${quota}${wait}`,
    { hint: registry === DOCKER_HUB ? `${step} ${COUNTING}` : step },
  );
}
