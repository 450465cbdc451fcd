// What a line of a server of 2026-07-28 is about, and the same line in the words of the client whose it is. One process
// answers all clients, so that the ids in its lines are the gateway's; nothing but these is changed.

import {
  insertMember,
  memberFinder,
  type MemberProblem,
  replaceSpans,
  type Span,
  textOf,
} from "../rpc/splice.ts";
import { META } from "./modern-terms.ts";

/** Kinds of change that a client can ask to be told of. */
export type Change =
  | "toolsListChanged"
  | "promptsListChanged"
  | "resourcesListChanged"
  | { readonly unsafeUri: string };

/** Puts the client's own id or token, as JSON, in the place of the gateway's. */
export type InWordsOf = (own: string) => string;

export type ServerLine =
  | { readonly kind: "answer"; readonly id: string; readonly code?: number; readonly as: InWordsOf }
  | { readonly kind: "progress"; readonly token: string; readonly as: InWordsOf }
  /** To a subscription, named by the id of the request that opened it. */
  | { readonly kind: "subscribed"; readonly id: string; readonly as: InWordsOf }
  | { readonly kind: "unsubscribed"; readonly id: string }
  /** To whichever subscriptions ask for it: the server names none, as it should. */
  | { readonly kind: "change"; readonly change: Change; readonly as: InWordsOf }
  /** To the request that asked for a log, which nothing names. */
  | { readonly kind: "log"; readonly text: string }
  /** No message, one that this revision does not know, or one that is to nobody. */
  | { readonly kind: "stray" };

const STRAY: ServerLine = { kind: "stray" };

const find = memberFinder({
  id: ["id"],
  method: ["method"],
  error: ["error"],
  code: ["error", "code"],
  closed: ["result", "_meta", META.subscriptionId],
  params: ["params"],
  token: ["params", "progressToken"],
  requestId: ["params", "requestId"],
  uri: ["params", "uri"],
  meta: ["params", "_meta"],
  subscription: ["params", "_meta", META.subscriptionId],
});

type Found = Exclude<ReturnType<typeof find>, MemberProblem>;

/** Reads one line; parses no more of it than the members that it routes by. */
export function readServerLine(unsafeLine: string): ServerLine {
  // A raw carriage return would end the line of an event.
  const text = unsafeLine.includes("\r") ? unsafeLine.replaceAll("\r", " ") : unsafeLine;
  const found = find(text);
  if ("problem" in found) return STRAY;
  if (found.method === undefined) return readAnswer(text, found);
  return found.id === undefined ? readNotification(text, found) : STRAY;
}

function readAnswer(text: string, { id, error, code, closed }: Found): ServerLine {
  const gatewayId = stringIn(text, id);
  if (id === undefined || gatewayId === undefined) return STRAY;
  const failure = error === undefined ? {} : { code: Number(code && textOf(text, code)) };
  // The last word on a subscription names it a second time.
  const spans = closed !== undefined && stringIn(text, closed) === gatewayId ? [id, closed] : [id];
  return { kind: "answer", id: gatewayId, ...failure, as: replacing(text, spans) };
}

function readNotification(text: string, found: Found): ServerLine {
  const { token, subscription } = found;
  const method = stringIn(text, found.method);
  const progressToken = stringIn(text, token);
  if (method === "notifications/progress" && token && progressToken !== undefined) {
    return { kind: "progress", token: progressToken, as: replacing(text, [token]) };
  }
  const subscriptionId = stringIn(text, subscription);
  if (subscription && subscriptionId !== undefined) {
    return { kind: "subscribed", id: subscriptionId, as: replacing(text, [subscription]) };
  }
  const cancelled = stringIn(text, found.requestId);
  if (method === "notifications/cancelled" && cancelled !== undefined) {
    return { kind: "unsubscribed", id: cancelled };
  }
  if (method === "notifications/message") return { kind: "log", text };
  const change = changeOf(method, stringIn(text, found.uri));
  if (change === undefined || !hasRoom(text, found)) return STRAY;
  return { kind: "change", change, as: (own) => withSubscription(text, found, own) };
}

function changeOf(name: string | undefined, unsafeUri: string | undefined): Change | undefined {
  if (name === "notifications/tools/list_changed") return "toolsListChanged";
  if (name === "notifications/prompts/list_changed") return "promptsListChanged";
  if (name === "notifications/resources/list_changed") return "resourcesListChanged";
  const isUpdate = name === "notifications/resources/updated" && unsafeUri !== undefined;
  return isUpdate ? { unsafeUri } : undefined;
}

function replacing(text: string, spans: readonly Span[]): InWordsOf {
  return (own) =>
    replaceSpans(
      text,
      spans.map((span) => ({ span, by: own })),
    );
}

/** Whether a subscription can be named in it: it names none, and what would have to hold the name is an object. */
function hasRoom(text: string, { params, meta, subscription }: Found): boolean {
  const around = [params, meta].filter((span) => span !== undefined);
  return subscription === undefined && around.every(({ start }) => text[start] === "{");
}

function withSubscription(text: string, { params, meta }: Found, own: string): string {
  if (meta !== undefined) return insertMember(text, meta, META.subscriptionId, own);
  const fresh = `{${JSON.stringify(META.subscriptionId)}:${own}}`;
  if (params !== undefined) return insertMember(text, params, "_meta", fresh);
  const whole = { start: text.indexOf("{"), end: text.length };
  return insertMember(text, whole, "params", `{"_meta":${fresh}}`);
}

/** The gateway's ids are strings, so that whatever is no string is none of them. */
function stringIn(text: string, span: Span | undefined): string | undefined {
  if (span === undefined || text[span.start] !== '"') return undefined;
  try {
    return String(JSON.parse(textOf(text, span)));
  } catch {
    return undefined;
  }
}
