// Where the blobs of an image come from, and who is told who we are on the way.

import { describe, expect, test } from "bun:test";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { digestOf, type Digest } from "../../src/oci/digest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { createBuiltin } from "../../src/registry/builtin.ts";
import { parseBlobUrl } from "../../src/registry/redirect.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { buildImage } from "../support/image-builder.ts";
import {
  startLoopbackRegistry,
  type LoopbackRegistry,
  type LoopbackRegistryOptions,
} from "../support/loopback-registry.ts";
import { describeBlob } from "../support/open-blob.ts";

const ACCOUNT = { username: "somebody", password: "canary-password" };
const IMAGE = buildImage({ layers: [[{ path: "file", content: "content" }]] });
const ELSEWHERE = Buffer.from("a blob that the registry may not keep");
const BLOB = describeBlob(ELSEWHERE);

describe("a blob", () => {
  test("inside its descriptor is not asked for", async () => {
    using registry = start();
    expect(await read(registry, { ...BLOB, data: ELSEWHERE })).toBe(BLOB.digest);
    expect(registry.requests).toEqual([]);
  });

  test("that the registry has is asked for nowhere else", async () => {
    using other = startOther();
    const [digest = BLOB.digest] = IMAGE.layers;
    using registry = start();
    const size = IMAGE.blobs.get(digest)?.byteLength ?? 0;
    await read(registry, { ...BLOB, digest, size, urls: [other.url] });
    expect(other.requests).toEqual([]);
  });
});

describe("a blob that the image keeps elsewhere", () => {
  test("is fetched there, and nobody there learns who we are", async () => {
    using other = startOther();
    using registry = start();
    expect(await read(registry, { ...BLOB, urls: [other.url] })).toBe(BLOB.digest);
    expect(other.requests).toHaveLength(1);
    expect(registry.requests.some(({ headers }) => headers.has("authorization"))).toBe(true);
    expect(other.requests[0]?.headers.has("authorization")).toBe(false);
  });

  test("is fetched from the next place when the first does not have it", async () => {
    using lacking = startOther(() => new Response(null, { status: 404 }));
    using other = startOther();
    using registry = start();
    const urls = ["http://127.0.0.1:1/blob", lacking.url, other.url];
    expect(await read(registry, { ...BLOB, urls })).toBe(BLOB.digest);
    expect([lacking.requests.length, other.requests.length]).toEqual([1, 1]);
  });

  test("is said to be missing by the last place", async () => {
    using lacking = startOther(() => new Response(null, { status: 404 }));
    using registry = start();
    const blob = { ...BLOB, urls: [lacking.url] };
    const words = `${lacking.host}, where ${registry.host} keeps org/app`;
    await expectRefused(read(registry, blob), "REGISTRY_RESPONSE_INVALID", words);
  });

  test("is not fetched there when the registry refuses it", async () => {
    using other = startOther();
    using registry = start({
      intercept: ({ path }) =>
        path.includes("/blobs/") ? new Response(null, { status: 403 }) : undefined,
    });
    const blob = { ...BLOB, urls: [other.url] };
    await expectRefused(read(registry, blob), "REGISTRY_DENIED", "");
    expect(other.requests).toEqual([]);
  });

  test("is not looked for in this network's own services", async () => {
    using registry = start();
    const blob = { ...BLOB, urls: ["https://169.254.169.254/canary"] };
    await expectRefused(read(registry, blob), "REGISTRY_REDIRECT_REFUSED", "not a public address");
  });
});

test("the address of a blob at a storage is signed anew when it has run out", async () => {
  let refused = 0;
  using registry = start({
    redirectBlobs: true,
    intercept: ({ query, headers }) => {
      if (!query.startsWith("signature=") || headers.has("authorization") || refused === 2)
        return undefined;
      refused += 1;
      return new Response("expired", { status: 403 });
    },
  });
  const [digest = BLOB.digest] = IMAGE.layers;
  const size = IMAGE.blobs.get(digest)?.byteLength ?? 0;
  expect(await read(registry, { ...BLOB, digest, size })).toBe(digest);
  const atStorage = registry.requests.filter(({ host }) => host === registry.blobHost);
  expect(atStorage).toHaveLength(3);
  for (const { headers } of atStorage) expect(headers.has("authorization")).toBe(false);
});

describe("parseBlobUrl", () => {
  const registry = "https://registry.example/";

  test.each([
    ["https://blobs.example/a?signature=x", registry],
    ["https://10.0.0.1/a", "https://10.0.0.2:5000/"],
    ["http://127.0.0.1:81/a", "http://localhost:5000/"],
  ])("%s is a place for a blob of %s", (url, endpoint) => {
    expect(parseBlobUrl(url, new URL(endpoint)).href).toBe(url);
  });

  test.each([
    ["http://blobs.example/a", registry, "not encrypted"],
    ["http://blobs.example/a", "http://127.0.0.1:5000/", "not encrypted"],
    ["https://127.0.0.1/a", registry, "not a public address"],
    ["https://10.0.0.1/a", registry, "not a public address"],
    ["https://[fe80::1]/a", "http://127.0.0.1:5000/", "not a public address"],
    ["https://me:canary@blobs.example/a", registry, "with a username"],
    ["file:///etc/passwd", registry, "which is not http"],
    ["ftp://blobs.example/a", registry, "which is not http"],
  ])("%s is none for a blob of %s", async (url, endpoint, words) => {
    const parse = async () => parseBlobUrl(url, new URL(endpoint));
    await expectRefused(parse(), "REGISTRY_REDIRECT_REFUSED", words);
  });

  test("what is no address is the image's fault", async () => {
    const parse = async () => parseBlobUrl("not an address", new URL(registry));
    await expectRefused(parse(), "IMAGE_INVALID", "no address: not an address");
  });
});

function start(options: LoopbackRegistryOptions = {}): LoopbackRegistry {
  const access = { scheme: "basic", account: ACCOUNT } as const;
  return startLoopbackRegistry({ images: { "org/app:1": IMAGE }, access, ...options });
}

function startOther(answer = () => new Response(ELSEWHERE)) {
  const server = startLoopbackRegistry({ intercept: answer });
  return Object.assign(server, { url: `http://${server.host}/blob?signature=canary` });
}

// The digest of what comes.
async function read({ host }: LoopbackRegistry, blob: Descriptor): Promise<Digest> {
  const clock = { now: Date.now, random: () => 0, wait: async () => {} };
  const options = { credentials: { kind: "password", ...ACCOUNT }, stallMs: 5000, clock } as const;
  const client = createBuiltin(parseReference(`${host}/org/app:1`), options);
  const bytes = await new Response(await client.blob(blob)).bytes();
  client.close();
  return digestOf(bytes);
}
