// The errors that the gateway itself answers with: codes of JSON-RPC and of MCP, as text and as responses.

import type { RpcId } from "./envelope.ts";

export const RPC_CODES = {
  UNPARSABLE: -32700,
  INVALID_REQUEST: -32600,
  METHOD_NOT_FOUND: -32601,
  INVALID_PARAMS: -32602,
  INTERNAL: -32603,
  /** Whatever of HTTP is at fault: a method, a header, a media type, no room. */
  REFUSED: -32000,
  /** Clients take it, with status 404, as the word to open a new session. */
  SESSION_UNKNOWN: -32001,
  /** 2026-07-28: a header says something else than the body. */
  HEADER_MISMATCH: -32020,
  /** 2026-07-28: the client lacks what the server would have to ask of it. */
  CAPABILITY_MISSING: -32021,
  /** 2026-07-28: with data {supported, requested}. */
  VERSION_UNSUPPORTED: -32022,
} as const;

export type RpcCode = (typeof RPC_CODES)[keyof typeof RPC_CODES];

export interface Failure {
  readonly code: RpcCode;
  /** One sentence for a person. */
  readonly message: string;
  /** Of the request at fault; null in the answer where it has none. */
  readonly id?: RpcId | undefined;
  readonly data?: unknown;
}

/** The error as a JSON-RPC message on one line. */
export function failureText(failure: Failure): string {
  const { code, message, id = null, data } = failure;
  return JSON.stringify({ jsonrpc: "2.0", id, error: { code, message, data } });
}

/** The error as a response with this status. */
export function failureResponse(
  status: number,
  failure: Failure,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return jsonResponse(failureText(failure), { status, headers });
}

/** A message that is JSON already, as a response. */
export function jsonResponse(
  text: string,
  {
    status = 200,
    headers = {},
  }: { status?: number; headers?: Readonly<Record<string, string>> } = {},
): Response {
  return new Response(text, {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}
