// WebSockets whose one end takes what the other says more slowly than it comes, or not at all.

import { expect, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import { createHash } from "node:crypto";
import { connectSocket } from "../../../src/gateway/proxy/socket.ts";
import { until } from "../support/conditions.ts";
import { localFront } from "../support/local-front.ts";

const MEBIBYTE = 1_048_576;

test("what a server says at once is heard", async () => {
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, self) =>
      self.upgrade(request, { data: undefined }) ? undefined : new Response("no"),
    websocket: { open: (socket) => void socket.send("hello"), message() {} },
  });
  await using front = frontBefore(server.port ?? 0);
  for (let count = 0; count < 20; count++) {
    const client = new WebSocket(front.url);
    const heard = new Promise((resolve) =>
      client.addEventListener("message", ({ data }) => resolve(data)),
    );
    expect(await heard).toBe("hello");
    client.close();
  }
});

test("a client that does not read loses its connection, and no message out of many", async () => {
  let hasEnded = false;
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, self) =>
      self.upgrade(request, { data: undefined }) ? undefined : new Response("no"),
    websocket: {
      async open(socket) {
        while (!hasEnded) {
          socket.send("x".repeat(MEBIBYTE));
          await Bun.sleep(1);
        }
      },
      message() {},
      close: () => void (hasEnded = true),
    },
  });
  await using front = frontBefore(server.port ?? 0);
  const client = handshakeWith(front.port);
  client.pause();
  await until(() => hasEnded);
  client.destroy();
}, 20_000);

test("a client of a server that does not read loses its connection", async () => {
  const server = createServer((socket) => socket.once("data", (head) => agree(socket, head)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await using front = frontBefore(typeof address === "object" ? (address?.port ?? 0) : 0);
  const client = new WebSocket(front.url);
  await new Promise((resolve) => client.addEventListener("open", resolve));
  let isOpen = true;
  client.addEventListener("close", () => (isOpen = false));
  while (isOpen) {
    client.send("x".repeat(MEBIBYTE));
    await Bun.sleep(1);
  }
  server.close();
}, 20_000);

function frontBefore(port: number) {
  const front = localFront();
  front.serve({
    handle: () => Promise.resolve(new Response("none")),
    connect: (request) => connectSocket(request, { port: port, isGuarded: false }),
    close: () => Promise.resolve(),
  });
  return {
    port: front.port,
    url: `ws://127.0.0.1:${front.port}/mcp`,
    [Symbol.asyncDispose]: () => front.close(0),
  };
}

function handshakeWith(port: number): Socket {
  const client = connect(port, "127.0.0.1");
  client.on("error", () => {});
  const headers = [
    "Host: localhost",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${Buffer.from("0123456789abcdef").toString("base64")}`,
  ];
  client.write(`GET /mcp HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`);
  return client;
}

/** Agrees to be a WebSocket, and reads nothing from then on. (RFC 6455, section 4.2.2) */
function agree(socket: Socket, head: string | Uint8Array): void {
  const [, key = ""] = /sec-websocket-key: (\S+)/i.exec(Buffer.from(head).toString()) ?? [];
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  const headers = [
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept.digest("base64")}`,
  ];
  socket.pause();
  socket.on("error", () => {});
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers.join("\r\n")}\r\n\r\n`);
}
