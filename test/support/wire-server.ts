// An HTTP/1.1 server that sends exactly the bytes it is told to: wrong lengths, half a body, a reset, or nothing at
// all. Knows no registry. A server that was made to be correct cannot be talked into most of this.

import {
  createServer as createPlainServer,
  type AddressInfo,
  type Server,
  type Socket,
} from "node:net";
import { createServer as createTlsServer } from "node:tls";

export interface WireRequest {
  readonly method: string;
  /** Path and query, as they were sent. */
  readonly target: string;
  readonly headers: Headers;
  readonly body: string;
}

export interface WireAnswer {
  readonly status: number;
  /** All of them: nothing is added. A name may come twice. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  /** How much is sent before the ending: so many bytes of the body, or not even the status. All by default. */
  readonly sent?: number | "nothing";
  /** What is waited for after that. */
  readonly until?: Promise<void>;
  /** What then happens to the connection; it serves the next request by default. */
  readonly ending?: "keep" | "close" | "reset" | "hang";
}

export interface WireOptions {
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface WireServer extends AsyncDisposable {
  readonly port: number;
  /** Connections that the client has opened and nobody has closed yet. */
  readonly open: number;
  /** Closes them all. */
  hangUp(): void;
}

const END_OF_HEAD = "\r\n\r\n";
const MAX_HEAD_BYTES = 65_536;

/** Starts on a free port of 127.0.0.1. */
export async function startWireServer(
  answer: (request: WireRequest) => WireAnswer | Promise<WireAnswer>,
  { tls }: WireOptions = {},
): Promise<WireServer> {
  const sockets = new Set<Socket>();
  const accept = (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // A client that leaves is no fault of the server.
    socket.on("error", () => {});
    serve(socket, answer);
  };
  const server = tls === undefined ? createPlainServer(accept) : createTlsServer(tls, accept);
  server.on("tlsClientError", () => {});
  const port = await listen(server);
  const hangUp = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    get open() {
      return sockets.size;
    },
    hangUp,
    async [Symbol.asyncDispose]() {
      hangUp();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      await closed.promise;
    },
  };
}

async function listen(server: Server): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  // A server that listens on a port has an address of this form.
  return (server.address() as AddressInfo).port;
}

// One request after the other, as they come: nobody sends the next before the answer.
function serve(
  socket: Socket,
  answer: (request: WireRequest) => WireAnswer | Promise<WireAnswer>,
): void {
  let received: Buffer = Buffer.alloc(0);
  let isBusy = false;
  const advance = async () => {
    if (isBusy) return;
    const next = takeRequest(received);
    if (next === undefined) return;
    received = next.rest;
    isBusy = true;
    await send(socket, await answer(next.request));
    isBusy = false;
    await advance();
  };
  socket.on("data", (bytes) => {
    received = Buffer.concat([received, Buffer.from(bytes)]);
    if (received.byteLength > MAX_HEAD_BYTES) socket.destroy();
    else
      advance().catch((error: unknown) =>
        socket.destroy(error instanceof Error ? error : undefined),
      );
  });
}

function takeRequest(
  received: Buffer,
): { readonly request: WireRequest; readonly rest: Buffer } | undefined {
  const end = received.indexOf(END_OF_HEAD);
  if (end < 0) return undefined;
  const [first = "", ...lines] = received.subarray(0, end).toString("latin1").split("\r\n");
  const [method = "", target = ""] = first.split(" ");
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const start = end + END_OF_HEAD.length;
  const stop = start + Number(headers.get("content-length") ?? 0);
  if (received.byteLength < stop) return undefined;
  const body = received.subarray(start, stop).toString();
  return { request: { method, target, headers, body }, rest: received.subarray(stop) };
}

async function send(socket: Socket, answer: WireAnswer): Promise<void> {
  const { body, sent = body.byteLength, until, ending = "keep" } = answer;
  if (sent !== "nothing")
    await write(socket, Buffer.concat([headOf(answer), body.subarray(0, sent)]));
  await until;
  if (ending === "close") socket.end();
  if (ending === "reset") socket.resetAndDestroy();
}

function headOf({ status, headers }: WireAnswer): Buffer {
  const lines = [
    `HTTP/1.1 ${status} Status`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.from(`${lines.join("\r\n")}${END_OF_HEAD}`, "latin1");
}

async function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  if (socket.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once("close", resolve);
  socket.write(bytes, () => resolve());
  await promise;
  socket.off("close", resolve);
}
