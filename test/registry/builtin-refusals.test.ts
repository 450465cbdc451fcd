// What the built-in client makes of a registry that misbehaves: each time one error that says what was wrong.

import { describe, test } from "bun:test";
import { createServer, type AddressInfo } from "node:net";
import { digestOf } from "../../src/oci/digest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { createBuiltin } from "../../src/registry/builtin.ts";
import { descriptorOf } from "../support/descriptor-of.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { fastClock } from "../support/fast-clock.ts";
import { buildImage } from "../support/image-builder.ts";
import type { RecordedRequest } from "../support/loopback-registry.ts";
import { atToken, bearer, redirect, startRegistry, unauthorized } from "../support/session.ts";

const IMAGE = buildImage({ layers: [[{ path: "file", content: "content" }]] });
const LAYER = IMAGE.layers[0] ?? digestOf(new Uint8Array());
const STALL_MS = 20_000;
const SHORT_STALL_MS = 100;

interface At {
  readonly host: string;
}

describe("what goes wrong", () => {
  const rows: [string, (request: RecordedRequest) => Response | undefined, string, string][] = [
    [
      "a redirect loop",
      ({ path }) => redirect(path),
      "REGISTRY_RESPONSE_INVALID",
      "more than 5 times",
    ],
    [
      "a redirect to nowhere",
      () => new Response(null, { status: 302 }),
      "REGISTRY_RESPONSE_INVALID",
      "without saying where",
    ],
    [
      "a redirect to a cloud's metadata",
      () => redirect("http://169.254.169.254/"),
      "REGISTRY_REDIRECT_REFUSED",
      "not a public address",
    ],
    [
      "a realm in the private network",
      () => unauthorized('Bearer realm="http://10.0.0.1/t"'),
      "REGISTRY_REDIRECT_REFUSED",
      "not a public address",
    ],
    [
      "a realm that is no address",
      () => unauthorized("Bearer realm=x"),
      "REGISTRY_RESPONSE_INVALID",
      "no address",
    ],
    [
      "401 without a challenge",
      () => new Response(null, { status: 401 }),
      "REGISTRY_DENIED",
      "no username and password",
    ],
    [
      "401 with an unknown scheme",
      () => unauthorized("Negotiate"),
      "REGISTRY_DENIED",
      "no username and password",
    ],
    [
      "429 with a time",
      () => new Response(null, { status: 429, headers: { "retry-after": "90" } }),
      "REGISTRY_LIMITED",
      "asks to wait 90 seconds",
    ],
    [
      "429 with nonsense",
      () => new Response(null, { status: 429, headers: { "retry-after": "soon" } }),
      "REGISTRY_LIMITED",
      "without an account",
    ],
    [
      "500",
      () => new Response("oops", { status: 500 }),
      "REGISTRY_RESPONSE_INVALID",
      "HTTP status 500",
    ],
    [
      "an error of another shape",
      () => Response.json({ errors: [{}, 7] }, { status: 400 }),
      "REGISTRY_RESPONSE_INVALID",
      "HTTP status 400",
    ],
    [
      "404 as a web page",
      () => new Response("<html>", { status: 404 }),
      "IMAGE_NOT_FOUND",
      "has no image org/app:1",
    ],
    ["an empty manifest", () => new Response(""), "REGISTRY_RESPONSE_INVALID", "no manifest"],
    ["an endless error", () => endless(403), "REGISTRY_DENIED", "not show org/app to the public"],
    [
      "a token service that is missing",
      atToken(() => new Response(null, { status: 404 })),
      "REGISTRY_RESPONSE_INVALID",
      "has no token service",
    ],
    [
      "a token of too many bytes",
      atToken(() => endless(200)),
      "REGISTRY_RESPONSE_INVALID",
      "more than 64 KiB",
    ],
    [
      "a token that is no JSON",
      atToken(() => new Response("token")),
      "REGISTRY_RESPONSE_INVALID",
      "without a usable token",
    ],
    [
      "a token with a line break",
      atToken(() => Response.json({ token: "a\r\nX: y" })),
      "REGISTRY_RESPONSE_INVALID",
      "without a usable token",
    ],
    [
      "a token service with a limit",
      atToken(() => new Response(null, { status: 429 })),
      "REGISTRY_LIMITED",
      "limits how often",
    ],
    [
      "a token that the registry refuses",
      ({ path, host }) =>
        path === "/token" ? Response.json({ token: "t" }) : unauthorized(bearer(host)),
      "REGISTRY_DENIED",
      "not show org/app to the public",
    ],
  ];
  test.each(rows)("%s", async (_, intercept, code, message) => {
    using registry = startRegistry({ intercept });
    await expectRefused(manifest(registry), code, message);
  });

  test("a registry's own words are shown in part, and cannot repaint the terminal", async () => {
    const words = `\u001b[2J${"x".repeat(500)}`;
    using registry = startRegistry({
      intercept: () =>
        Response.json({ errors: [{ code: "DENIED", message: words }] }, { status: 403 }),
    });
    await expectRefused(manifest(registry), "REGISTRY_DENIED", "(it says: \\x1b[2Jxxx");
    await expectRefused(manifest(registry), "REGISTRY_DENIED", "x…)");
  });

  test("a signed address is in no message", async () => {
    using registry = startRegistry({
      redirectBlobs: true,
      intercept: ({ query }) => (query === "" ? undefined : new Response(null, { status: 403 })),
    });
    const client = createBuiltin(reference(registry), { stallMs: STALL_MS });
    const message = `${registry.blobHost}, where ${registry.host} keeps org/app, answers with HTTP status 403`;
    await expectRefused(
      client.blob(descriptorOf(LAYER, IMAGE)),
      "REGISTRY_RESPONSE_INVALID",
      message,
    );
  });

  test.each([
    ["before it answers", 0],
    ["in the middle of a blob", 4],
  ])("a registry that falls silent %s", async (_, bytes) => {
    await using server = await rawServer(bytes, "hang");
    await expectRefused(
      readBlob(server.host, SHORT_STALL_MS),
      "REGISTRY_UNREACHABLE",
      `${server.host} has been silent for 0.1 seconds`,
    );
  });

  test.each([
    ["before it answers", 0],
    ["in the middle of a blob", 4],
  ])("a registry that hangs up %s", async (_, bytes) => {
    await using server = await rawServer(bytes, "close");
    await expectRefused(
      readBlob(server.host, STALL_MS),
      "REGISTRY_UNREACHABLE",
      `${server.host} closes the connection`,
    );
  });
});

function reference({ host }: At) {
  return parseReference(`${host}/org/app:1`);
}

function manifest(registry: At): Promise<Uint8Array> {
  const options = { stallMs: STALL_MS, clock: fastClock() };
  return createBuiltin(reference(registry), options).manifest();
}

async function readBlob(host: string, stallMs: number): Promise<Uint8Array> {
  const options = { stallMs, clock: fastClock() };
  const blob = await createBuiltin(reference({ host }), options).blob(
    descriptorOf(LAYER, { blobs: new Map([[LAYER, Buffer.alloc(100)]]) }),
  );
  return await new Response(blob).bytes();
}

function endless(status: number): Response {
  const chunk = new Uint8Array(65_536);
  return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(chunk) }), {
    status,
  });
}

/** Answers any request with a few bytes of a body of a hundred, or with nothing, and then hangs or hangs up. */
async function rawServer(bytes: number, end: "hang" | "close") {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      const text = `HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n${"x".repeat(bytes)}`;
      if (bytes > 0) socket.write(text);
      if (end === "close") socket.end();
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}
