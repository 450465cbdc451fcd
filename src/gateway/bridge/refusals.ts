// The responses to requests that no server gets to hear of, one function a reason.

import type { NoEnvelope, RpcId } from "../rpc/envelope.ts";
import { failureResponse, RPC_CODES } from "../rpc/failures.ts";
import { MAX_BATCH } from "./revisions.ts";

export const CLOSING = "The gateway is closing.";

const RETRY_AFTER_S = 5;

/** Clients open a new session then. Never says whether the session is another principal's. */
export function unknownSession(): Response {
  return failureResponse(404, {
    code: RPC_CODES.SESSION_UNKNOWN,
    message: "There is no such session, or it has ended; open a new one.",
  });
}

/** There is no room, the server cannot be started just now, or the gateway closes. */
export function comeAgain(message: string, retryAfterS = RETRY_AFTER_S): Response {
  return failureResponse(
    503,
    { code: RPC_CODES.REFUSED, message },
    { "retry-after": String(retryAfterS) },
  );
}

/** Something about a request's header lines. */
export function refused(status: 400 | 406, message: string): Response {
  return failureResponse(status, { code: RPC_CODES.REFUSED, message });
}

export function unknownMethod(): Response {
  const message = "Only POST, GET and DELETE are known here.";
  return failureResponse(405, { code: RPC_CODES.REFUSED, message }, { allow: "GET, POST, DELETE" });
}

/** A client of another transport, or a method of none: MCP's older one knows one method a path. */
export function notOfSse(allow: "GET" | "POST"): Response {
  const message =
    allow === "GET"
      ? "The older SSE transport is spoken here, as MCP_TRANSPORT says: it begins with GET."
      : "Messages are sent here with POST.";
  return failureResponse(405, { code: RPC_CODES.REFUSED, message }, { allow });
}

export function longBatch(): Response {
  return invalidRequest(`A batch has at most ${MAX_BATCH} messages.`);
}

/** A message that may be no such thing here. */
export function invalidRequest(message: string, id?: RpcId): Response {
  return failureResponse(400, { code: RPC_CODES.INVALID_REQUEST, message, id });
}

/** A body that is no message. */
export function noMessage(problem: NoEnvelope): Response {
  if (problem.kind === "unparsable") {
    return failureResponse(400, { code: RPC_CODES.UNPARSABLE, message: "The body is not JSON." });
  }
  return problem.kind === "batch"
    ? invalidRequest("The body has to be one message: only revision 2025-03-26 knows batches.")
    : invalidRequest("This is no message of JSON-RPC 2.0.", problem.id);
}
