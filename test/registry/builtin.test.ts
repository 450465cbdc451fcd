// What is said on the wire by the built-in client, to a registry that behaves and to one that does not.

import { describe, expect, test } from "bun:test";
import { createServer, type AddressInfo } from "node:net";
import { digestOf } from "../../src/oci/digest.ts";
import { MANIFEST_ACCEPT } from "../../src/oci/media-type.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { createBuiltin } from "../../src/registry/builtin.ts";
import { descriptorOf } from "../support/descriptor-of.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { fastClock } from "../support/fast-clock.ts";
import { buildImage } from "../support/image-builder.ts";
import {
  startLoopbackRegistry,
  type LoopbackRegistry,
  type LoopbackRegistryOptions,
  type RecordedRequest,
} from "../support/loopback-registry.ts";

const ACCOUNT = { username: "somebody", password: "canary-password" };
const IMAGE = buildImage({ layers: [[{ path: "file", content: "content" }]] });
const LAYER = IMAGE.layers[0] ?? digestOf(new Uint8Array());
const STALL_MS = 20_000;
const SHORT_STALL_MS = 100;

describe("the requests", () => {
  test("a public image takes one request, without a ping and without a password", async () => {
    using registry = start({});
    await manifest(registry);
    expect(summary(registry)).toEqual(["GET /v2/org/app/manifests/1"]);
    const [request] = registry.requests;
    expect(request?.headers.get("accept")).toBe(MANIFEST_ACCEPT);
    expect(request?.headers.get("accept-encoding")).toBe("identity");
    expect(request?.headers.has("authorization")).toBe(false);
  });

  test("a token is asked for once, for the scope of the challenge, with the password", async () => {
    using registry = start({ access: { scheme: "bearer", account: ACCOUNT } });
    const client = createBuiltin(reference(registry), { credentials: ACCOUNT, stallMs: STALL_MS });
    await client.manifest();
    await Promise.all([1, 2, 3].map(() => client.blob(descriptorOf(LAYER, IMAGE))));
    const [first, token, ...rest] = registry.requests;
    expect(first?.headers.has("authorization")).toBe(false);
    expect(token?.path).toBe("/token");
    expect(token?.headers.get("authorization")).toStartWith("Basic ");
    expect([...new URLSearchParams(token?.query)]).toEqual([
      ["service", "loopback registry, for tests"],
      ["scope", "repository:org/app:pull"],
    ]);
    expect(rest.map(({ path }) => path)).not.toContain("/token");
    for (const { headers } of rest) expect(headers.get("authorization")).toStartWith("Bearer ");
  });

  test("a token that has expired is replaced once for all who notice", async () => {
    let isExpired = false;
    let old: string | null = null;
    using registry = start({
      access: { scheme: "bearer" },
      intercept: ({ headers, path, host }) => {
        old ??= headers.get("authorization");
        const isOld = isExpired && old !== null && headers.get("authorization") === old;
        return isOld && path !== "/token" ? unauthorized(bearer(host)) : undefined;
      },
    });
    const client = createBuiltin(reference(registry), { stallMs: STALL_MS });
    await client.manifest();
    isExpired = true;
    const blobs = [1, 2, 3].map(() => client.blob(descriptorOf(LAYER, IMAGE)));
    for (const blob of await Promise.all(blobs)) {
      expect(digestOf(await new Response(blob).bytes())).toBe(LAYER);
    }
    expect(summary(registry).filter((line) => line === "GET /token")).toHaveLength(2);
  });

  test.each([
    ["one header", ['Negotiate, Basic realm="x, y", Bearer realm="REALM"']],
    ["several headers", ["Basic realm=x", 'bearer Realm="REALM"']],
  ])("Bearer comes before Basic, in %s", async (_, challenges) => {
    using registry = start({
      intercept: ({ path, headers, host }) => {
        if (path === "/token") return Response.json({ access_token: "token-of-a-test" });
        if (headers.get("authorization") === "Bearer token-of-a-test") return undefined;
        return unauthorized(
          ...challenges.map((text) => text.replace("REALM", `http://${host}/token?a=b`)),
        );
      },
    });
    await manifest(registry);
    // The realm's own query stays, and the scope is made up where the challenge has none.
    expect(registry.requests[1]?.query).toBe("a=b&scope=repository%3Aorg%2Fapp%3Apull");
  });

  test("a token for a repository is not used for another", async () => {
    using registry = start({ access: { scheme: "bearer" } });
    registry.add("org/other:1", IMAGE);
    const client = createBuiltin(reference(registry), { stallMs: STALL_MS });
    await client.manifest();
    const other = parseReference(`${registry.host}/org/other:1`);
    await createBuiltin(other, { stallMs: STALL_MS }).manifest();
    expect(summary(registry).filter((line) => line === "GET /token")).toHaveLength(2);
  });
});

describe("credentials stay where they belong", () => {
  test("a token service that is not the registry's is asked without the password", async () => {
    using registry = start({
      intercept: ({ path, host }) => {
        if (path === "/token") return Response.json({ token: "public" });
        return unauthorized(bearer(host.replace("127.0.0.1", "localhost")));
      },
    });
    await expectRefused(manifest(registry, ACCOUNT), "REGISTRY_DENIED", "does not belong to it");
    const token = registry.requests.find(({ path }) => path === "/token");
    expect(token?.headers.has("authorization")).toBe(false);
  });

  test("a blob host that asks for them gets neither token nor password", async () => {
    using elsewhere = startLoopbackRegistry({
      intercept: ({ host }) => unauthorized(bearer(host), "Basic realm=x"),
    });
    using registry = start({
      access: { scheme: "bearer", account: ACCOUNT },
      intercept: ({ path, headers }) =>
        path.includes("/blobs/") && headers.has("authorization")
          ? redirect(`http://${elsewhere.host}/blob?signature=canary`)
          : undefined,
    });
    const client = createBuiltin(reference(registry), { credentials: ACCOUNT, stallMs: STALL_MS });
    const blob = client.blob(descriptorOf(LAYER, IMAGE));
    await expectRefused(blob, "REGISTRY_RESPONSE_INVALID", `${elsewhere.host}, where`);
    // It might be that the address was signed too long ago: the registry is asked for a new one, twice.
    expect(elsewhere.requests.map(({ path }) => path)).toEqual(["/blob", "/blob", "/blob"]);
    for (const { headers } of elsewhere.requests) expect(headers.has("authorization")).toBe(false);
  });

  test("a redirect back to the registry by another host does not carry them", async () => {
    let registryHost = "";
    using elsewhere = startLoopbackRegistry({
      intercept: () => redirect(`http://${registryHost}/v2/org/secret/manifests/1`),
    });
    using registry = start({
      access: { scheme: "basic", account: ACCOUNT },
      intercept: ({ path, headers }) =>
        path.includes("/blobs/") && headers.has("authorization")
          ? redirect(`http://${elsewhere.host}/`)
          : undefined,
    });
    registryHost = registry.host;
    const client = createBuiltin(reference(registry), { credentials: ACCOUNT, stallMs: STALL_MS });
    const blob = client.blob(descriptorOf(LAYER, IMAGE));
    await expectRefused(blob, "REGISTRY_RESPONSE_INVALID", "HTTP status 401");
    const last = registry.requests.at(-1);
    expect(last?.path).toBe("/v2/org/secret/manifests/1");
    expect(last?.headers.has("authorization")).toBe(false);
  });

  test("a redirect within the registry carries them", async () => {
    using registry = start({
      access: { scheme: "basic", account: ACCOUNT },
      intercept: ({ path }) => (path.endsWith("/manifests/1") ? redirect("moved") : undefined),
    });
    registry.add("org/app:moved", IMAGE);
    await manifest(registry, ACCOUNT);
    expect(summary(registry).at(-1)).toBe("GET /v2/org/app/manifests/moved");
    expect(registry.requests.at(-1)?.headers.has("authorization")).toBe(true);
  });
});

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
      atToken(() => Response.json({ token: "t" })),
      "REGISTRY_DENIED",
      "not show org/app to the public",
    ],
  ];
  test.each(rows)("%s", async (_, intercept, code, message) => {
    using registry = start({ intercept });
    await expectRefused(manifest(registry), code, message);
  });

  test("a registry's own words are shown in part, and cannot repaint the terminal", async () => {
    const words = `\u001b[2J${"x".repeat(500)}`;
    using registry = start({
      intercept: () =>
        Response.json({ errors: [{ code: "DENIED", message: words }] }, { status: 403 }),
    });
    await expectRefused(manifest(registry), "REGISTRY_DENIED", "(it says: \\x1b[2Jxxx");
    await expectRefused(manifest(registry), "REGISTRY_DENIED", "x…)");
  });

  test("a signed address is in no message", async () => {
    using registry = start({
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

function start(options: LoopbackRegistryOptions): LoopbackRegistry {
  return startLoopbackRegistry({ images: { "org/app:1": IMAGE }, ...options });
}

function reference({ host }: { readonly host: string }) {
  return parseReference(`${host}/org/app:1`);
}

function manifest(registry: LoopbackRegistry, credentials?: typeof ACCOUNT): Promise<Uint8Array> {
  const options = { credentials, stallMs: STALL_MS, clock: fastClock() };
  return createBuiltin(reference(registry), options).manifest();
}

async function readBlob(host: string, stallMs: number): Promise<Uint8Array> {
  const options = { stallMs, clock: fastClock() };
  const blob = await createBuiltin(reference({ host }), options).blob(
    descriptorOf(LAYER, { blobs: new Map([[LAYER, Buffer.alloc(100)]]) }),
  );
  return await new Response(blob).bytes();
}

function summary(registry: LoopbackRegistry): string[] {
  return registry.requests.map(({ method, path }) => `${method} ${path}`);
}

function redirect(location: string): Response {
  return new Response(null, { status: 307, headers: { location } });
}

function unauthorized(...challenges: readonly string[]): Response {
  const headers = new Headers();
  for (const challenge of challenges) headers.append("www-authenticate", challenge);
  return new Response(null, { status: 401, headers });
}

function bearer(host: string): string {
  return `Bearer realm="http://${host}/token",service="loopback registry, for tests",scope="repository:org/app:pull"`;
}

function atToken(answer: () => Response): (request: RecordedRequest) => Response {
  return ({ path, host }) => (path === "/token" ? answer() : unauthorized(bearer(host)));
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
