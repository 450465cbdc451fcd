// A WebSocket, passed on to a server on this machine: each message as it is, and either side's end to the other.

import { headersFor, type Upstream } from "./forward.ts";

/** Of messages that one side has sent and the other does not take: its connection is ended beyond them. */
export const MOST_WAITING_BYTES = 16_777_216;
/** RFC 6455, section 7.4.1, and the registry that it opens. */
const TRY_AGAIN_LATER = 1013;

/** What takes the client's side of a WebSocket. */
export interface SocketPeer {
  /** The subprotocol that the server chose; empty for none. */
  readonly protocol: string;
  onOpen(client: SocketClient): void;
  onMessage(message: string | Buffer): void;
  onClose(code: number, reason: string): void;
}

export interface SocketClient {
  send(message: string | Uint8Array): unknown;
  close(code?: number, reason?: string): void;
}

/** Whether a request wants to become a WebSocket. */
export function wantsSocket(request: Request): boolean {
  return request.headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** Opens the server's side. Rejects where the server does not. */
export async function connectSocket(request: Request, upstream: Upstream): Promise<SocketPeer> {
  const { pathname, search } = new URL(request.url);
  const server = new WebSocket(`ws://127.0.0.1:${upstream.port}${pathname}${search}`, {
    headers: Object.fromEntries(handshakeHeaders(request, upstream)),
    protocols: protocolsOf(request),
  });
  server.binaryType = "nodebuffer";
  await new Promise<void>((resolve, reject) => {
    server.addEventListener("open", () => resolve(), { once: true });
    server.addEventListener("close", () => reject(new Error("refused")), { once: true });
  });
  let client: SocketClient | undefined;
  return {
    protocol: server.protocol,
    onOpen(opened) {
      client = opened;
      server.addEventListener("message", ({ data }) => opened.send(data));
      server.addEventListener("close", ({ code, reason }) =>
        opened.close(...sendable(code, reason)),
      );
      if (server.readyState >= WebSocket.CLOSING) opened.close();
    },
    onMessage(message) {
      if (server.bufferedAmount <= MOST_WAITING_BYTES) return server.send(message);
      client?.close(TRY_AGAIN_LATER, "the server does not read");
      server.terminate();
    },
    onClose: (code, reason) => server.close(...sendable(code, reason)),
  };
}

// Those of the handshake are made anew by whoever makes one.
function handshakeHeaders(request: Request, upstream: Upstream): Headers {
  const headers = headersFor(request, upstream);
  for (const name of Array.from(headers.keys())) {
    if (name.startsWith("sec-websocket-")) headers.delete(name);
  }
  return headers;
}

function protocolsOf(request: Request): string[] {
  const offered = request.headers.get("sec-websocket-protocol") ?? "";
  return offered
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

// Codes that say there was none, or that the connection broke, are for nobody to send. (RFC 6455, 7.4.1)
function sendable(code: number, reason: string): [code?: number, reason?: string] {
  return code === 1000 || (code >= 3000 && code <= 4999) ? [code, reason] : [];
}
