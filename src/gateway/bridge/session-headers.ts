// What the header lines of a request of the 2025 revisions have to say, apart from whose session it is.

import { accepts } from "../http/negotiation.ts";
import { refused } from "./refusals.ts";
import { SESSION_REVISIONS } from "./revisions.ts";

/** The response to a request whose client does not take what it may be answered with: an answer may be either. */
export function refuseAccept({ method, headers }: Request): Response | undefined {
  const types =
    method === "GET" ? ["text/event-stream"] : ["application/json", "text/event-stream"];
  return accepts(headers.get("accept"), ...types)
    ? undefined
    : refused(406, `Accept has to list ${types.join(" and ")}.`);
}

/** The response to a request of a revision that is not known, nor the one that the session's server has chosen. */
export function refuseUnknownRevision(
  { headers }: Request,
  chosen: string | undefined,
): Response | undefined {
  const revision = headers.get("mcp-protocol-version");
  return revision === null || revision === chosen || SESSION_REVISIONS.includes(revision)
    ? undefined
    : refused(400, `MCP-Protocol-Version has to be one of ${SESSION_REVISIONS.join(", ")}.`);
}
