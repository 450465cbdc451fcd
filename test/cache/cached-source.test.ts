import { describe, expect, test } from "bun:test";
import { Blobs } from "../../src/cache/blobs.ts";
import { cachedSource, nowhere, type Source } from "../../src/cache/cached-source.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { blobOf, bytesOf, streamOf, testCache } from "./support.ts";

const MANIFEST = Buffer.from('{"manifest": 1}');
const NEWER = Buffer.from('{"manifest": 2}');
const DIGEST = digestOf(MANIFEST);
const LAYER = blobOf(20_000);

/** A source that writes down what it is asked. */
function asked(options: { readonly manifest?: Uint8Array; readonly tellsDigest?: boolean } = {}) {
  const { manifest = MANIFEST, tellsDigest = true } = options;
  const requests: string[] = [];
  const source: Source = {
    async digest() {
      requests.push("HEAD");
      return tellsDigest ? digestOf(manifest) : undefined;
    },
    async manifest(digest) {
      requests.push(digest === undefined ? "GET name" : "GET digest");
      return manifest;
    },
    async blob() {
      requests.push("GET blob");
      return streamOf(LAYER.bytes);
    },
  };
  return { source, requests };
}

describe("a manifest", () => {
  test("that was never seen costs one request", async () => {
    using cache = testCache();
    const { source, requests } = asked();
    const blobs = new Blobs(cache.directory);
    const cached = cachedSource({ source, blobs, keepsLayers: true });
    expect(await cached.manifest()).toEqual(MANIFEST);
    expect(requests).toEqual(["GET name"]);
    expect(cached.given).toEqual([DIGEST]);
    expect(blobs.read(DIGEST)).toEqual(MANIFEST);
  });

  test.each<[string, Parameters<typeof asked>[0], readonly string[]]>([
    ["that is the same as last time costs one HEAD", {}, ["HEAD"]],
    ["that has changed costs a HEAD and a GET", { manifest: NEWER }, ["HEAD", "GET digest"]],
    ["of a source that tells no digest is asked for", { tellsDigest: false }, ["HEAD", "GET name"]],
  ])("%s", async (_, options, expected) => {
    using cache = testCache();
    const { source, requests } = asked(options);
    const blobs = new Blobs(cache.directory);
    blobs.write(DIGEST, MANIFEST);
    const cached = cachedSource({ source, blobs, lastDigest: DIGEST, keepsLayers: true });
    expect(await cached.manifest()).toEqual(Buffer.from(options?.manifest ?? MANIFEST));
    expect(requests).toEqual([...expected]);
  });

  // A layer may be kept, and an index may name it.
  test("that is larger than any may be is not read from the cache", async () => {
    using cache = testCache();
    const { source, requests } = asked();
    const blobs = new Blobs(cache.directory);
    blobs.write(DIGEST, MANIFEST);
    const options = { source, blobs, keepsLayers: true, fixedDigest: DIGEST };
    const cached = cachedSource({ ...options, maxManifestBytes: MANIFEST.length - 1 });
    await cached.manifest();
    expect(requests).toEqual(["GET digest"]);
    await cachedSource({ ...options, maxManifestBytes: MANIFEST.length }).manifest();
    expect(requests).toEqual(["GET digest"]);
  });

  test("that is pinned and kept costs nothing", async () => {
    using cache = testCache();
    const { source, requests } = asked();
    const blobs = new Blobs(cache.directory);
    blobs.write(DIGEST, MANIFEST);
    const cached = cachedSource({ source, blobs, fixedDigest: DIGEST, keepsLayers: true });
    expect(await cached.manifest()).toEqual(MANIFEST);
    expect(requests).toEqual([]);
  });
});

describe("a layer", () => {
  test.each([
    [true, 1],
    [false, 2],
  ])("is kept: %p, and read twice takes %d requests", async (keepsLayers, count) => {
    using cache = testCache();
    const { source, requests } = asked();
    const cached = cachedSource({ source, blobs: new Blobs(cache.directory), keepsLayers });
    const descriptor = { ...LAYER, mediaType: "application/vnd.oci.image.layer.v1.tar" };
    for (const _ of [1, 2]) {
      expect(await bytesOf(await cached.blob(descriptor))).toEqual(LAYER.bytes);
    }
    expect(requests).toHaveLength(count);
  });
});

test("what is nowhere is refused with the way out", async () => {
  using cache = testCache();
  const source = nowhere("ghcr.io/org/server:1.2", "PULL_POLICY is never");
  const cached = cachedSource({ source, blobs: new Blobs(cache.directory), keepsLayers: true });
  await expect(cached.manifest()).rejects.toThrow(
    "ghcr.io/org/server:1.2 is not in the cache, and PULL_POLICY is never",
  );
});
