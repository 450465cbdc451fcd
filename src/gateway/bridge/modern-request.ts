// What a message of the revisions without sessions has to carry, in its body and again in its headers. Judges; knows
// neither the server nor what happens to the message.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#request-metadata

import { decodeHeaderValue } from "../http/header-value.ts";
import { isMembers, type RpcId, type RpcNotification, type RpcRequest } from "../rpc/envelope.ts";
import { failureResponse, RPC_CODES } from "../rpc/failures.ts";
import { memberFinder } from "../rpc/splice.ts";
import { isModernRevision, META, metaOf } from "./modern-terms.ts";
import { invalidRequest } from "./refusals.ts";

/** Whether it is said to be of a revision without sessions, by its `_meta` or, where that says nothing, its header. */
export function claimsModern(headers: Headers, message: RpcRequest | RpcNotification): boolean {
  const claimed = metaOf(message.params)?.[META.revision];
  if (claimed !== undefined) return true;
  if (message.kind === "request" && message.method === "initialize") return false;
  const revision = headers.get(REVISION);
  return revision !== null && isModernRevision(revision);
}

/** The response that refuses this request; undefined where it is as it has to be. */
export function refuseRequest(
  headers: Headers,
  request: RpcRequest,
  revisions: readonly string[],
): Response | undefined {
  const { id } = request;
  const ambiguous = refuseAmbiguous(request);
  if (ambiguous !== undefined) return ambiguous;
  if (OF_SESSIONS.has(request.method)) return unknownRequest(request);
  const missing = missingMeta(request);
  if (missing !== undefined) return missing;
  const revision = String(metaOf(request.params)?.[META.revision]);
  const contradiction = contradictionIn(headers, request, revision);
  if (contradiction !== undefined) return mismatch(id, contradiction);
  if (!revisions.includes(revision)) return refuseRevision(id, revision, revisions);
  for (const name of [REVISION, METHOD]) {
    if (!headers.has(name)) return mismatch(id, `The header ${name} is required.`);
  }
  const nameProblem = nameProblemIn(headers, request);
  return nameProblem === undefined ? undefined : mismatch(id, nameProblem);
}

/** The response that refuses this notification. The revision leaves open which headers it needs, so none. */
export function refuseNotification(
  headers: Headers,
  notification: RpcNotification,
): Response | undefined {
  const ambiguous = refuseAmbiguous(notification);
  if (ambiguous !== undefined) return ambiguous;
  const revision = metaOf(notification.params)?.[META.revision];
  const problem = contradictionIn(headers, notification, revision);
  return problem === undefined ? undefined : mismatch(undefined, problem);
}

/**
 * Says which revisions there are instead. A client that knows one of them uses it: where only revisions with a
 * handshake are named, by way of that. Where there are others, only these are, as in the server's own discovery.
 *
 * A handshake with a server that knows none gets the same answer. To play one would be to implement MCP a second time
 * (ping, levels of logs, subscriptions), and still to announce a server whose questions to the client nobody passes on.
 */
export function refuseRevision(
  id: RpcId | undefined,
  requested: string,
  supported: readonly string[],
): Response {
  return failureResponse(400, {
    code: RPC_CODES.VERSION_UNSUPPORTED,
    // Clients without a way forward show their users this sentence, and nothing else.
    message: `The server does not speak this revision of MCP, only ${supported.join(", ")}.`,
    id,
    data: { supported, requested },
  });
}

/** A header and the body say different things, or a header is missing. */
export function mismatch(id: RpcId | undefined, message: string): Response {
  return failureResponse(400, { code: RPC_CODES.HEADER_MISMATCH, message, id });
}

/**
 * Requests of the revisions with sessions. A server that speaks both eras on one process might take one of these for
 * the beginning of a session, or change for all clients what one of them asks for.
 */
const OF_SESSIONS: ReadonlySet<string> = new Set([
  "initialize",
  "logging/setLevel",
  "resources/subscribe",
  "resources/unsubscribe",
]);

function unknownRequest({ id, method }: RpcRequest): Response {
  const message = `This revision has no ${method}.`;
  return failureResponse(404, { code: RPC_CODES.METHOD_NOT_FOUND, message, id });
}

const REVISION = "MCP-Protocol-Version";
const METHOD = "Mcp-Method";
const NAME = "Mcp-Name";

/** The parameter that Mcp-Name repeats. */
const NAMED_BY = new Map([
  ["tools/call", "name"],
  ["prompts/get", "name"],
  ["resources/read", "uri"],
]);

/** Every member that is judged or replaced: of two, the server might take the one that nobody has looked at. */
const find = memberFinder({
  id: ["id"],
  method: ["method"],
  token: ["params", "_meta", "progressToken"],
  revision: ["params", "_meta", META.revision],
  capabilities: ["params", "_meta", META.clientCapabilities],
  name: ["params", "name"],
  uri: ["params", "uri"],
  arguments: ["params", "arguments"],
});

function refuseAmbiguous(message: RpcRequest | RpcNotification): Response | undefined {
  const found = find(message.text);
  if (!("problem" in found)) return undefined;
  const id = message.kind === "request" ? message.id : undefined;
  return invalidRequest(`The message ${found.problem}.`, id);
}

function missingMeta({ id, params }: RpcRequest): Response | undefined {
  const meta = metaOf(params) ?? {};
  const missing = [
    ...(typeof meta[META.revision] === "string" ? [] : [META.revision]),
    ...(isMembers(meta[META.clientCapabilities]) ? [] : [META.clientCapabilities]),
  ];
  if (missing.length === 0) return undefined;
  return failureResponse(400, {
    code: RPC_CODES.INVALID_PARAMS,
    message: `The request's _meta lacks ${missing.join(" and ")}.`,
    id,
    data: { missing },
  });
}

function contradictionIn(
  headers: Headers,
  { method }: RpcRequest | RpcNotification,
  revision: unknown,
): string | undefined {
  const said = headers.get(REVISION);
  if (said !== null && revision !== undefined && said !== revision) {
    return `${REVISION} does not say what the body's _meta says.`;
  }
  const saidMethod = headers.get(METHOD);
  if (saidMethod !== null && saidMethod !== method) {
    return `${METHOD} does not say what the body says.`;
  }
  return undefined;
}

function nameProblemIn(headers: Headers, { method, params }: RpcRequest): string | undefined {
  const member = NAMED_BY.get(method);
  if (member === undefined) return undefined;
  const named = params?.[member];
  const said = headers.get(NAME);
  // Without the parameter the request is wrong in a way that the server tells best.
  if (said === null) return named === undefined ? undefined : `The header ${NAME} is required.`;
  const decoded = decodeHeaderValue(said);
  if (decoded === undefined) return `${NAME} has characters that it must not have.`;
  return decoded === named ? undefined : `${NAME} does not say what the body says.`;
}
