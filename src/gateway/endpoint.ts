// Something that answers MCP requests over HTTP, whatever is behind it. Types, no code.

import type { SocketPeer } from "./proxy/socket.ts";

export interface Endpoint {
  /** Bytes of one request's body that it may hold in memory; absent where it passes a body on as it comes. */
  readonly heldBytes?: number;
  /** Answers one request, which has been admitted already. Never rejects. */
  handle(request: Request, caller: Caller): Promise<Response>;
  /** Whether a path other than the MCP path is its own. */
  claims?(path: string): boolean;
  /** Opens the other side of a WebSocket; rejects where there is none. Absent where there never is. */
  connect?(request: Request): Promise<SocketPeer>;
  /** Whether the server itself answers; it does when this is absent. */
  isHealthy?(): Promise<boolean>;
  /** Takes no more, gives what is in flight up to `graceMs`, and ends all processes. */
  close(graceMs: number): Promise<void>;
}

/** Who was admitted with a request. */
export interface Caller {
  /** Sessions belong to the principal that opened them; the same for all where nobody has to show a token. */
  readonly principal: string;
}
