// What stands in place of an era that the server does not speak: it tells clients which revisions there are instead.
// Knows nothing of how the other era is served.

import type { Endpoint } from "../endpoint.ts";
import type { Envelope, NoEnvelope } from "../rpc/envelope.ts";
import type { ModernEndpoint } from "./modern.ts";
import { refuseRevision } from "./modern-request.ts";
import { META, metaOf } from "./modern-terms.ts";
import { noMessage } from "./refusals.ts";
import type { SessionsEndpoint } from "./sessions.ts";

/** A client that wants a session hears of the revisions without; whatever else it says is of those. */
export function withoutSessions(
  modern: ModernEndpoint,
  revisions: readonly string[],
): SessionsEndpoint {
  return {
    handle: (request, caller) => modern.handle(request, caller),
    async handleMessage(request, message) {
      return message.kind === "request" && message.method === "initialize"
        ? refuseRevision(message.id, String(message.params?.["protocolVersion"]), revisions)
        : await modern.handleMessage(request, message);
    },
    close: async () => {},
  };
}

/** A client that wants no session hears of the revisions with, and begins one. */
export function withoutModern(
  sessions: Endpoint,
  revisions: readonly string[],
): Omit<ModernEndpoint, "isLooping"> {
  return {
    handle: (request, caller) => sessions.handle(request, caller),
    handleMessage: async ({ headers }, message) => refuseModern(headers, message, revisions),
    close: async () => {},
  };
}

function refuseModern(
  headers: Headers,
  message: Envelope | NoEnvelope,
  revisions: readonly string[],
): Response {
  if (message.kind === "unparsable" || message.kind === "invalid" || message.kind === "batch") {
    return noMessage(message);
  }
  const meta = message.kind === "response" ? undefined : metaOf(message.params);
  const requested = meta?.[META.revision] ?? headers.get("mcp-protocol-version");
  const id = message.kind === "request" ? message.id : undefined;
  return refuseRevision(id, String(requested), revisions);
}
