import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { request } from "../../src/registry/request.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { needs } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";

const OPTIONS = { accept: "*/*", stallMs: 5000 };

describe("over TLS", () => {
  needs("openssl")("a certificate that signed itself is not trusted", async () => {
    await using server = startSelfSigned();
    const url = new URL(`https://localhost:${server.port}/`);
    await expectUnreachable(url, `${url.host} has a certificate that it signed itself`);
  });

  needs("openssl")("no variable makes it trusted", async () => {
    await using server = startSelfSigned();
    const script = `
      import { request } from ${JSON.stringify(join(import.meta.dir, "../../src/registry/request.ts"))};
      const url = new URL("https://localhost:${server.port}/");
      const answer = await request(url, ${JSON.stringify(OPTIONS)}).catch((error) => error);
      require("node:fs").writeSync(1, answer.message ?? "trusted");`;
    const child = Bun.spawn([process.execPath, "-e", script], {
      env: { NODE_TLS_REJECT_UNAUTHORIZED: "0" },
      stderr: "ignore",
    });
    expect(await child.stdout.text()).toEndWith("has a certificate that it signed itself");
  });

  test("a host that speaks plain http is told from one that is not there", async () => {
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
    const url = new URL(`https://127.0.0.1:${server.port}/`);
    await expectUnreachable(url, `${url.host} does not speak TLS`);
    await server.stop(true);
    await expectUnreachable(url, `${url.host} refuses the connection`);
  });
});

test("a body that the server compressed comes as it is", async () => {
  const bytes = Bun.gzipSync(Buffer.from("text"));
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response(bytes, { headers: { "content-encoding": "gzip" } }),
  });
  const answer = await request(new URL(`http://127.0.0.1:${server.port}/`), OPTIONS);
  expect(await new Response(answer.body).bytes()).toEqual(bytes);
  await server.stop(true);
});

test("a signed address is in no message, nor in the cause of one", async () => {
  const headers = "x: y\r\n".repeat(5000);
  using listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket) => void socket.end(`HTTP/1.1 200 OK\r\n${headers}\r\n`) },
  });
  const url = new URL(`http://127.0.0.1:${listener.port}/blob?signature=canary`);
  await expectUnreachable(url, `${url.host} answers with something that is not HTTP`);
  listener.stop(true);
  await expectUnreachable(url, `${url.host} refuses the connection`);
});

function startSelfSigned(): Bun.Server<undefined> & AsyncDisposable {
  using directory = tempDir();
  const key = directory.file("key.pem");
  const cert = directory.file("cert.pem");
  const argv = `openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout ${key} -out ${cert}`;
  expect(Bun.spawnSync(argv.split(" ")).exitCode).toBe(0);
  const tls = { key: readFileSync(key), cert: readFileSync(cert) };
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, tls, fetch: () => new Response() });
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.stop(true) });
}

async function expectUnreachable(url: URL, message: string): Promise<void> {
  await expectRefused(request(url, OPTIONS), "REGISTRY_UNREACHABLE", message);
}
