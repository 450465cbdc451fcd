// A server with a port of its own, as a program: it tells what it was asked, streams, speaks WebSocket, and dies on demand.

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  idleTimeout: 0,
  async fetch(request, self) {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/asked":
        return Response.json({
          method: request.method,
          url: request.url.slice(request.url.indexOf("/asked")),
          headers: Object.fromEntries(request.headers),
          body: await request.text(),
        });
      case "/stream":
        return new Response(events(request), { headers: { "content-type": "text/event-stream" } });
      case "/gone":
        return new Response(String(gone));
      case "/moved":
        return new Response(null, { status: 307, headers: { location: "/asked" } });
      case "/packed":
        return new Response(Bun.gzipSync(Buffer.from("packed")), {
          headers: { "content-encoding": "gzip" },
        });
      case "/unchanged":
        return new Response(null, { status: 304, headers: { "content-length": "12" } });
      case "/nothing":
        return new Response(null, { status: 204 });
      case "/die":
        return process.exit(9);
      case "/socket":
        return self.upgrade(request, {
          headers: { "sec-websocket-protocol": "mcp" },
          data: undefined,
        })
          ? undefined
          : new Response("no", { status: 400 });
      default:
        return new Response("not here", { status: 404 });
    }
  },
  websocket: {
    message(socket, message) {
      if (message === "leave") socket.close(4001, "asked to");
      else socket.send(message);
    },
  },
});

let gone = 0;

function events(request: Request): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      controller.enqueue(encoder.encode("data: first\n\n"));
      request.signal.addEventListener("abort", () => (gone += 1));
    },
  });
}

console.log(`listening on ${server.port}`);
