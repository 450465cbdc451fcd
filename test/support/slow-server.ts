// A server on loopback that sends one blob at so many bytes a second over each connection, and knows Range.

import { createServer, type AddressInfo, type Socket } from "node:net";

export interface SlowRange {
  readonly start: number;
  readonly end: number;
}

export interface SlowServerOptions {
  readonly bytesPerSecond: number;
  /** A header for every answer, with its line end. */
  readonly header?: string;
  readonly ignoresRange?: boolean;
  /** How many bytes of the answer to a bounded range are sent before the connection is closed; all by default. */
  readonly breaksAfter?: (range: SlowRange, nth: number) => number | undefined;
}

export interface SlowServer extends Disposable {
  readonly port: number;
  /** The Range headers of all requests, "none" where there was none. */
  readonly ranges: readonly string[];
  /** Connections that are open, and how many were at once. */
  readonly open: number;
  readonly mostOpen: number;
}

const TICK_MS = 5;
const RANGE = /^range: bytes=(\d+)-(\d*)\r$/im;

export async function startSlowServer(
  bytes: Uint8Array,
  options: SlowServerOptions,
): Promise<SlowServer> {
  const sockets = new Set<Socket>();
  const ranges: string[] = [];
  let mostOpen = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    mostOpen = Math.max(mostOpen, sockets.size);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (head) => {
      const [, from, last] = RANGE.exec(head.toString("latin1")) ?? [];
      ranges.push(from === undefined ? "none" : `${from}-${last}`);
      const isPartial = from !== undefined && options.ignoresRange !== true;
      const start = isPartial ? Number(from) : 0;
      const end = isPartial && last ? Number(last) + 1 : bytes.length;
      const isBounded = isPartial && last !== "";
      const sent = isBounded ? options.breaksAfter?.({ start, end }, ranges.length) : undefined;
      socket.write(headOf(bytes.length, { start, end }, isPartial, options.header ?? ""));
      drip(socket, bytes.subarray(start, end), options.bytesPerSecond, sent);
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  return {
    // A server that listens on a port has an address of this form.
    port: (server.address() as AddressInfo).port,
    ranges,
    get open() {
      return sockets.size;
    },
    get mostOpen() {
      return mostOpen;
    },
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function headOf(size: number, { start, end }: SlowRange, isPartial: boolean, header: string) {
  const range = isPartial ? `content-range: bytes ${start}-${end - 1}/${size}\r\n` : "";
  const status = isPartial ? "206 Partial Content" : "200 OK";
  return `HTTP/1.1 ${status}\r\ncontent-length: ${end - start}\r\n${range}${header}\r\n`;
}

function drip(socket: Socket, bytes: Uint8Array, rate: number, breaksAfter = Infinity): void {
  const since = performance.now();
  let at = 0;
  const timer = setInterval(() => {
    const due = Math.min(bytes.length, Math.ceil(((performance.now() - since) / 1000) * rate));
    const end = Math.min(due, breaksAfter);
    // A reader that has stopped is not sent more than the kernel holds.
    if (socket.writableLength === 0 && end > at) socket.write(bytes.subarray(at, end));
    else if (socket.writableLength > 0) return;
    at = end;
    if (at >= breaksAfter) socket.end();
    if (at >= breaksAfter || at === bytes.length) clearInterval(timer);
  }, TICK_MS);
  socket.on("close", () => clearInterval(timer));
}
