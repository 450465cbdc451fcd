// A registry that cannot be asked today, and an image that was pulled before: when the one is reason enough to start
// the other.

import { type ErrorCode, RunnerError } from "../errors.ts";
import { log } from "../log.ts";
import { nameOf } from "../read-settings.ts";
import { knownImage } from "./image-session.ts";
import type { ImageRequest } from "./validate.ts";

// Not what a registry says on purpose: an image that was taken away, or a right to it, must not go on running.
const OUTAGES: readonly ErrorCode[] = [
  "REGISTRY_UNREACHABLE",
  "REGISTRY_LIMITED",
  // A server in trouble, or the login page of a network.
  "REGISTRY_RESPONSE_INVALID",
];

/**
 * The request for the image as it was last pulled, where OFFLINE_START allows that; throws the error otherwise, with a
 * hint where it would be possible.
 */
export function requestWithoutRegistry<Request extends ImageRequest>(
  request: Request,
  error: unknown,
): Request {
  if (!(error instanceof RunnerError) || !OUTAGES.includes(error.code)) throw error;
  const known = request.pullPolicy === "always" ? knownImage(request) : undefined;
  if (known === undefined) throw error;
  if (request.offlineStart === "1") {
    log.warn(
      `${error.message}. THE IMAGE STARTS AS IT WAS LAST PULLED, which may be out of date.`,
      {
        image: known.name,
        digest: known.digest,
      },
    );
    return { ...request, pullPolicy: "never" };
  }
  const { code, message, stage, hint } = error;
  const wayOut = `Set ${nameOf("offlineStart")} to 1 to start the image as it was last pulled.`;
  throw new RunnerError(code, message, { cause: error, stage, hint: `${hint} ${wayOut}` });
}
