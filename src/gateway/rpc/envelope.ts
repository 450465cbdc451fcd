// A JSON-RPC message, parsed only to route it: what it is, its id, its method and its parameters; its original text is
// kept and is what goes on. Knows no method's meaning.

import { nestsDeeperThan } from "./json-text.ts";

/** Type-sensitive: 1 and "1" are two ids, as they are in a Map. */
export type RpcId = string | number;

export type Members = Readonly<Record<string, unknown>>;

export interface RpcRequest {
  readonly kind: "request";
  readonly id: RpcId;
  readonly method: string;
  /** Absent where there are none, and where they are an array. */
  readonly params: Members | undefined;
  /** The message as it came, on one line. */
  readonly text: string;
}

export interface RpcNotification {
  readonly kind: "notification";
  readonly method: string;
  readonly params: Members | undefined;
  readonly text: string;
}

export interface RpcResponse {
  readonly kind: "response";
  /** Absent in an error about a message whose id could not be read. */
  readonly id: RpcId | undefined;
  readonly result: unknown;
  /** It carries an error instead of a result. */
  readonly failed: boolean;
  readonly text: string;
}

export type Envelope = RpcRequest | RpcNotification | RpcResponse;

/** A text that is no message: no JSON at all, JSON of another kind, or a batch of messages. */
export type NoEnvelope =
  | { readonly kind: "unparsable" }
  /** `id` is the one that an answer about it should carry. */
  | { readonly kind: "invalid"; readonly id: RpcId | undefined }
  | { readonly kind: "batch"; readonly values: readonly unknown[] };

/** JSON.parse takes seconds and a gigabyte for 16 MB of brackets; of few, it takes little. (bun 1.4.5) */
const MAX_DEPTH = 10_000;
const LONG = 65_536;

/** Reads one message of JSON-RPC 2.0. One that is nested deeper than any other program reads it is no JSON. */
export function parseEnvelope(unsafeText: string): Envelope | NoEnvelope {
  if (unsafeText.length > LONG && nestsDeeperThan(unsafeText, MAX_DEPTH)) {
    return { kind: "unparsable" };
  }
  let value: unknown;
  try {
    value = JSON.parse(unsafeText);
  } catch {
    return { kind: "unparsable" };
  }
  return Array.isArray(value) ? { kind: "batch", values: value } : readEnvelope(value, unsafeText);
}

/** Reads a message that has been parsed already; `unsafeText` is what it was parsed from. */
export function readEnvelope(value: unknown, unsafeText: string): Envelope | NoEnvelope {
  if (!isMembers(value)) return { kind: "invalid", id: undefined };
  const { id, method } = value;
  const knownId = isRpcId(id) ? id : undefined;
  if (value["jsonrpc"] !== "2.0") return { kind: "invalid", id: knownId };
  const text = onOneLine(unsafeText);
  if (typeof method === "string") {
    const params = isMembers(value["params"]) ? value["params"] : undefined;
    if (knownId !== undefined) return { kind: "request", id: knownId, method, params, text };
    return "id" in value
      ? { kind: "invalid", id: undefined }
      : { kind: "notification", method, params, text };
  }
  const failed = isMembers(value["error"]);
  const hasAnswer = failed !== "result" in value;
  if (method !== undefined || !hasAnswer || !(knownId !== undefined || (failed && id == null))) {
    return { kind: "invalid", id: knownId };
  }
  return { kind: "response", id: knownId, result: value["result"], failed, text };
}

/** The token under which a request asks for progress: `params._meta.progressToken`. */
export function requestedProgressToken(params: Members | undefined): RpcId | undefined {
  const meta = params?.["_meta"];
  const token = isMembers(meta) ? meta["progressToken"] : undefined;
  return isRpcId(token) ? token : undefined;
}

/** The id or token that a notification names: `params.requestId` or `params.progressToken`. */
export function namedId(
  params: Members | undefined,
  member: "requestId" | "progressToken",
): RpcId | undefined {
  const id = params?.[member];
  return isRpcId(id) ? id : undefined;
}

export function isRpcId(value: unknown): value is RpcId {
  return typeof value === "string" || typeof value === "number";
}

export function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Inside a JSON string a line's end is always escaped: one that is there stands between two members. */
function onOneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]+/g, " ") : text;
}
