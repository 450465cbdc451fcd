// A small HTTP proxy on loopback, for tests: tunnels (CONNECT) and passes requests with whole URLs on, wants a username
// and a password if told so, and remembers what it was asked. Whatever host is asked for, it connects to loopback.

import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Identity } from "./certificate-authority.ts";

export interface ProxyOptions {
  /** `user:password`, without which it answers 407. */
  readonly account?: string;
  /** An answer to everything, such as `403 Forbidden`. */
  readonly refusal?: string;
  /** It is reached by TLS. */
  readonly tls?: Identity;
  /** Ports of this machine by the names of hosts; others are asked at the port that the request names. */
  readonly ports?: Readonly<Record<string, number>>;
}

export interface ProxyServer extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly host: string;
  /** The first line of each request that it passed on. */
  readonly requests: readonly string[];
}

export async function startProxy(options: ProxyOptions = {}): Promise<ProxyServer> {
  const { account, refusal, tls, ports = {} } = options;
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    // What either side breaks off is none of the other's faults.
    socket.on("error", () => socket.destroy()).on("close", () => sockets.delete(socket));
  };
  const serve = (client: Socket) => {
    keep(client);
    let received = Buffer.alloc(0);
    client.on("data", function collect(chunk: Buffer) {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) return;
      client.off("data", collect);
      const [request = "", ...headers] = received.toString("latin1", 0, end).split("\r\n");
      const answer = refusal ?? refusalOf(headers, account);
      if (answer !== undefined)
        return void client.end(`HTTP/1.1 ${answer}\r\nContent-Length: 0\r\n\r\n`);
      requests.push(request);
      const upstream = connect(portOf(request, ports), "127.0.0.1", () => {
        if (request.startsWith("CONNECT ")) client.write("HTTP/1.1 200 Connected\r\n\r\n");
        else upstream.write(received);
        client.pipe(upstream).pipe(client);
      });
      keep(upstream);
    });
  };
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function refusalOf(headers: readonly string[], account: string | undefined): string | undefined {
  if (account === undefined) return undefined;
  const expected = `proxy-authorization: basic ${Buffer.from(account).toString("base64")}`;
  const isKnown = headers.some((header) => header.toLowerCase() === expected.toLowerCase());
  return isKnown ? undefined : "407 Proxy Authentication Required";
}

// `CONNECT host:port`, or a method with a whole URL.
function portOf(request: string, ports: Readonly<Record<string, number>>): number {
  const [method, target = ""] = request.split(" ");
  const url = new URL(method === "CONNECT" ? `http://${target}` : target);
  return ports[url.hostname] ?? Number(url.port || 80);
}
