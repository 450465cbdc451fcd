// What an image's name stands for, by one HEAD, and what is asked when that says nothing.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { MANIFEST_ACCEPT } from "../../src/oci/media-type.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { createBuiltin, type BuiltinOptions } from "../../src/registry/builtin.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { fastClock } from "../support/fast-clock.ts";
import { buildImage } from "../support/image-builder.ts";
import {
  startLoopbackRegistry,
  type LoopbackRegistry,
  type LoopbackRegistryOptions,
  type RecordedRequest,
} from "../support/loopback-registry.ts";

const IMAGE = buildImage({ layers: [[{ path: "file", content: "content" }]] });
const ACCOUNT = { username: "somebody", password: "canary-password" };
const { digest: DIGEST } = IMAGE.root;

describe("digest", () => {
  test("takes one HEAD, with the Accept of a GET", async () => {
    using registry = start({});
    expect(await digest(registry)).toBe(DIGEST);
    expect(summary(registry)).toEqual(["HEAD /v2/org/app/manifests/1"]);
    expect(registry.requests[0]?.headers.get("accept")).toBe(MANIFEST_ACCEPT);
  });

  test("of a name that has one takes no request", async () => {
    using registry = start({});
    expect(await digest(registry, {}, `@${DIGEST}`)).toBe(DIGEST);
    expect(registry.requests).toEqual([]);
  });

  test("answers the challenge of a HEAD, and keeps the token for the GET", async () => {
    using registry = start({ access: { scheme: "bearer", account: ACCOUNT } });
    const client = open(registry, { credentials: ACCOUNT });
    expect(await client.digest()).toBe(DIGEST);
    await client.manifest(DIGEST);
    const path = "/v2/org/app/manifests";
    expect(summary(registry)).toEqual([
      `HEAD ${path}/1`,
      "GET /token",
      `HEAD ${path}/1`,
      `GET ${path}/${DIGEST}`,
    ]);
  });

  test.each([
    ["missing", undefined],
    ["empty", ""],
    ["of another kind", `md5:${"0".repeat(32)}`],
    ["a path", "../../etc/passwd"],
    ["two", `${DIGEST}, ${DIGEST}`],
    ["in capitals", DIGEST.toUpperCase()],
  ])("is unknown where the header is %s", async (_, value) => {
    const headers = value === undefined ? {} : { "docker-content-digest": value };
    using registry = start({ intercept: () => new Response(null, { headers }) });
    expect(await digest(registry)).toBeUndefined();
    expect(registry.requests).toHaveLength(1);
  });

  test.each([400, 401, 403, 404, 405, 501])(
    "is taken from a GET where HEAD is answered with %i",
    async (status) => {
      using registry = start({ intercept: refusing("HEAD", status) });
      expect(await digest(registry)).toBe(DIGEST);
      expect(summary(registry).at(-1)).toStartWith("GET ");
    },
  );

  test.each([
    [401, "UNAUTHORIZED", "REGISTRY_DENIED", "does not show org/app to the public"],
    [403, "DENIED", "REGISTRY_DENIED", "(it says: it is not for you)"],
    [404, "NAME_UNKNOWN", "IMAGE_NOT_FOUND", "has no repository named org/app"],
  ])("asks a GET for the words of %i", async (status, code, error, words) => {
    const errors = [{ code, message: "it is not for you" }];
    using registry = start({
      intercept: ({ method }) =>
        method === "HEAD" ? new Response(null, { status }) : Response.json({ errors }, { status }),
    });
    await expectRefused(digest(registry), error, words);
  });

  test("of a registry in trouble is asked for again, and costs no GET", async () => {
    let trouble = 2;
    using registry = start({
      intercept: () => (trouble-- > 0 ? new Response(null, { status: 503 }) : undefined),
    });
    expect(await digest(registry)).toBe(DIGEST);
    expect(registry.requests.map(({ method }) => method)).toEqual(["HEAD", "HEAD", "HEAD"]);
    trouble = 9;
    await expectRefused(digest(registry), "REGISTRY_RESPONSE_INVALID", "HTTP status 503");
  });

  test("that is only a hint is verified by the GET", async () => {
    const other = buildImage({ layers: [[{ path: "other", content: "other" }]] }).root;
    using registry = start({
      intercept: ({ method }) =>
        method === "HEAD"
          ? new Response(null, { headers: { "docker-content-digest": other.digest } })
          : new Response(Buffer.from(IMAGE.root.bytes)),
    });
    const client = open(registry);
    const hint = await client.digest();
    expect(hint).toBe(other.digest);
    await expectRefused(client.manifest(hint), "DIGEST_MISMATCH", `should be ${other.digest}`);
  });
});

test("the limit of a pull ends what is under way, whatever that is", async () => {
  const slow: Record<string, LoopbackRegistryOptions["intercept"]> = {
    "a request": () => new Promise(() => {}),
    "a body": () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) })),
    "a token": ({ path, host }) =>
      path === "/token"
        ? new Promise(() => {})
        : new Response(null, {
            status: 401,
            headers: { "www-authenticate": `Bearer realm="http://${host}/token"` },
          }),
    "a wait": () => new Response(null, { status: 503, headers: { "retry-after": "60" } }),
  };
  for (const intercept of Object.values(slow)) {
    using registry = start({ ...(intercept && { intercept }) });
    // The clock is the real one: nothing but the limit ends these.
    const client = createBuiltin(reference(registry), { stallMs: 3_600_000, limitMs: 100 });
    const words = `${registry.host}/org/app:1 is not pulled after 0.1 seconds, which is the limit (PULL_TIMEOUT)`;
    await expectRefused(client.manifest(), "LIMIT_EXCEEDED", words);
    client.close();
  }
});

test("a closed client keeps no process waiting for its limit", async () => {
  const [builtin, names] = ["registry/builtin.ts", "oci/reference.ts"].map((path) =>
    JSON.stringify(join(import.meta.dir, "../../src", path)),
  );
  const script = `
    import { createBuiltin } from ${builtin};
    import { parseReference } from ${names};
    createBuiltin(parseReference("ghcr.io/org/app:1"), { stallMs: 1, limitMs: 3_600_000 }).close();`;
  await using child = Bun.spawn([process.execPath, "-e", script], { stderr: "inherit" });
  expect(await child.exited).toBe(0);
});

function start(options: LoopbackRegistryOptions): LoopbackRegistry {
  return startLoopbackRegistry({ images: { "org/app:1": IMAGE }, ...options });
}

function reference({ host }: LoopbackRegistry, name = ":1") {
  return parseReference(`${host}/org/app${name}`);
}

function open(registry: LoopbackRegistry, options: Partial<BuiltinOptions> = {}, name = ":1") {
  const defaults = { stallMs: 20_000, clock: fastClock() };
  return createBuiltin(reference(registry, name), { ...defaults, ...options });
}

function digest(registry: LoopbackRegistry, options: Partial<BuiltinOptions> = {}, name = ":1") {
  return open(registry, options, name).digest();
}

function refusing(method: string, status: number) {
  return (request: RecordedRequest) =>
    request.method === method ? new Response(null, { status }) : undefined;
}

function summary({ requests }: LoopbackRegistry): string[] {
  return requests.map(({ method, path }) => `${method} ${path}`);
}
