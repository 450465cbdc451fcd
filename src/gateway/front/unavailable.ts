// What requests are told that no server answers.

import { failureResponse, RPC_CODES } from "../rpc/failures.ts";
import type { Phase } from "../status.ts";

export function tooMany(): Response {
  const message = "Too many requests are unanswered; come again in a moment.";
  return failureResponse(503, { code: RPC_CODES.REFUSED, message }, { "retry-after": "5" });
}

/** There is no server, and will be none. */
export function unavailable(phase: Phase): Response {
  const message =
    phase.state === "failed"
      ? `The server could not be started: ${phase.failure.message} ${phase.failure.hint}`
      : "The server is ending.";
  return failureResponse(
    503,
    { code: RPC_CODES.INTERNAL, message },
    { "retry-after": phase.state === "failed" ? "60" : "5" },
  );
}
