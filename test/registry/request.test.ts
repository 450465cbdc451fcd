import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseReference } from "../../src/oci/reference.ts";
import { answerRefusal } from "../../src/registry/message-refusal.ts";
import { readBody, request, requestMessage } from "../../src/registry/request.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { needs } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";

const REFERENCE = parseReference("ghcr.io/org/app:1");
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

describe("a body of which a byte comes now and then", () => {
  test("is given up where it should be short", async () => {
    await using server = startDripping(200);
    const asking = requestMessage(server.url, { accept: "*/*", stallMs: 200, maxBytes: 1000 });
    await expectRefused(asking, "REGISTRY_UNREACHABLE", "has not finished a short answer");
  });

  test("is given up where it explains a refusal, which counts all the same", async () => {
    await using server = startDripping(403);
    const options = { accept: "*/*", stallMs: 200, maxBytes: 1000 };
    expect(await requestMessage(server.url, options)).toMatchObject({ status: 403 });
    const answer = await request(server.url, options);
    const refusal = await answerRefusal(answer, { reference: REFERENCE, signedIn: false });
    expect(refusal.code).toBe("REGISTRY_DENIED");
  });

  test("is read on where it may be long", async () => {
    await using server = startDripping(200);
    const { body } = await request(server.url, { accept: "*/*", stallMs: 200 });
    expect(await readBody(body, 20)).toBeUndefined();
  });
});

function startDripping(status: number) {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response(drops(), { status }),
  });
  const url = new URL(`http://127.0.0.1:${server.port}/`);
  return { url, [Symbol.asyncDispose]: () => server.stop(true) };
}

function drops(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      await Bun.sleep(20);
      controller.enqueue(new Uint8Array(1));
    },
  });
}

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
