// Words of the revisions without sessions: 2026-07-28 and what follows it.
// https://modelcontextprotocol.io/specification/2026-07-28/basic

import { isMembers, type Members, type RpcRequest } from "../rpc/envelope.ts";

/** The first revision in which each request says for itself what others agree upon in a handshake. */
export const FIRST_MODERN_REVISION = "2026-07-28";

export const META = {
  revision: "io.modelcontextprotocol/protocolVersion",
  clientInfo: "io.modelcontextprotocol/clientInfo",
  clientCapabilities: "io.modelcontextprotocol/clientCapabilities",
  logLevel: "io.modelcontextprotocol/logLevel",
  serverInfo: "io.modelcontextprotocol/serverInfo",
  subscriptionId: "io.modelcontextprotocol/subscriptionId",
} as const;

/** What the gateway calls itself to a server; which version it is changes nothing between the two. */
export const GATEWAY_INFO = { name: "fastmcp-runner", version: "1" } as const;

/** What it says of itself in every request of its own. */
export const GATEWAY_META: Members = {
  [META.revision]: FIRST_MODERN_REVISION,
  [META.clientInfo]: GATEWAY_INFO,
  [META.clientCapabilities]: {},
};

/** Revisions are dates, so that they compare as text. */
export function isModernRevision(revision: string): boolean {
  return revision >= FIRST_MODERN_REVISION;
}

/** The `_meta` of a request's parameters. */
export function metaOf(params: Members | undefined): Members | undefined {
  const meta = params?.["_meta"];
  return isMembers(meta) ? meta : undefined;
}

/** A request of the gateway's own. */
export function modernRequest(id: string, method: string, asked: Members = {}): RpcRequest {
  const params = { ...asked, _meta: GATEWAY_META };
  const text = JSON.stringify({ jsonrpc: "2.0", id, method, params });
  return { kind: "request", id, method, params, text };
}
