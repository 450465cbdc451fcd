// The gateway's port: connections, and those that become WebSockets. Knows no paths.

import { RunnerError, reasonOf } from "../../errors.ts";
import { MOST_WAITING_BYTES, type SocketPeer } from "../proxy/socket.ts";
import { failureResponse, RPC_CODES } from "../rpc/failures.ts";

export type HttpServer = Bun.Server<SocketPeer>;

export interface ListenOptions {
  readonly hostname: string;
  readonly port: number;
  /** Nothing where the request has become a WebSocket. */
  answer(request: Request, server: HttpServer): Promise<Response | undefined>;
}

/** Of a connection that says nothing. */
export const IDLE_SECONDS = 60;

/** Opens the port. Throws PORT_UNAVAILABLE. */
export function listen({ hostname, port, answer }: ListenOptions): HttpServer {
  try {
    return Bun.serve<SocketPeer>({
      hostname,
      port,
      idleTimeout: IDLE_SECONDS,
      // Whoever reads a body says in JSON that it is too long.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: answer,
      websocket: {
        open: (socket) => socket.data.onOpen(socket),
        message: (socket, message) => socket.data.onMessage(message),
        close: (socket, code, reason) => socket.data.onClose(code, reason),
        // Beyond it Bun would drop messages, and say nothing to either side.
        backpressureLimit: MOST_WAITING_BYTES,
        closeOnBackpressureLimit: true,
      },
      error: () =>
        failureResponse(500, { code: RPC_CODES.INTERNAL, message: "The runner is at fault." }),
    });
  } catch (cause) {
    throw new RunnerError(
      "PORT_UNAVAILABLE",
      `port ${port} of ${hostname} cannot be opened: ${whyNot(cause)}`,
      { cause },
    );
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there already",
  EACCES: "this user may not open it",
  EADDRNOTAVAIL: "this machine has no such address; MCP_HOST is to name one, or 0.0.0.0 for all",
};

function whyNot(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return REASONS[code] ?? reasonOf(cause);
}

/** Makes the request a WebSocket with what `connect` opens on its other side, or says why not. */
export async function upgrade(
  request: Request,
  server: HttpServer,
  connect: () => Promise<SocketPeer>,
): Promise<Response | undefined> {
  try {
    const peer = await connect();
    const headers = peer.protocol === "" ? {} : { "sec-websocket-protocol": peer.protocol };
    if (server.upgrade(request, { data: peer, headers })) return undefined;
    peer.onClose(1000, "");
    return new Response("This is no WebSocket.\n", { status: 400 });
  } catch {
    return new Response("The server does not take this WebSocket.\n", { status: 502 });
  }
}
