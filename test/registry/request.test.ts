import { describe, expect, test } from "bun:test";
import { request } from "../../src/registry/request.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { needs } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";

const OPTIONS = { accept: "*/*", stallMs: 5000 };

describe("over TLS", () => {
  needs("openssl")("a certificate that signed itself is not trusted", async () => {
    using directory = tempDir();
    const key = directory.file("key.pem");
    const cert = directory.file("cert.pem");
    const argv = `openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout ${key} -out ${cert}`;
    expect(Bun.spawnSync(argv.split(" ")).exitCode).toBe(0);
    const tls = { key: Bun.file(key), cert: Bun.file(cert) };
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, tls, fetch: () => new Response() });
    const url = new URL(`https://localhost:${server.port}/`);
    await expectUnreachable(url, `${url.host} has a certificate that it signed itself`);
    await server.stop(true);
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

async function expectUnreachable(url: URL, message: string): Promise<void> {
  await expectRefused(request(url, OPTIONS), "REGISTRY_UNREACHABLE", message);
}
