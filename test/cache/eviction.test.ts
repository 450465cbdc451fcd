import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { openCache } from "../../src/cache/image-cache.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { ownIdentity } from "../../src/system/process-identity.ts";
import { blobOf, fillTree, keyOf, type TestBlob, type TestCache, testCache } from "./support.ts";

const HOUR = 60 * 60 * 1000;
const KIB = 1024;

function open(cache: TestCache, maxBytes = 0) {
  return openCache<string>(cache.path, maxBytes);
}

function addBlob(cache: TestCache, blob: TestBlob, hoursAgo: number): string {
  open(cache).blobs.write(blob.digest, blob.bytes);
  const path = join(cache.directory.blobs, blob.digest.replace(":", "/"));
  age(path, hoursAgo);
  return path;
}

async function addTree(cache: TestCache, manifest: Digest, hoursAgo: number) {
  const tree = await open(cache).trees.findOrFill(keyOf(manifest), fillTree);
  age(join(dirname(tree.path), "tree.json"), hoursAgo);
  return tree;
}

function addName(cache: TestCache, manifest: Digest, blobs: readonly Digest[]): void {
  open(cache).names.remember({
    name: `image-${manifest}`,
    platform: "linux/amd64",
    digest: manifest,
    manifest,
    blobs,
  });
}

function age(path: string, hoursAgo: number): void {
  const then = new Date(Date.now() - hoursAgo * HOUR);
  utimesSync(path, then, then);
}

const MANIFEST = digestOf(Buffer.from("manifest"));
const OTHER = digestOf(Buffer.from("other manifest"));

describe("a cache within its limit", () => {
  test("keeps everything", async () => {
    using cache = testCache();
    const blob = addBlob(cache, blobOf(10 * KIB), 100);
    const { path, lease } = await addTree(cache, MANIFEST, 100);
    lease[Symbol.dispose]();
    await open(cache, 1024 ** 2).tidy();
    expect([existsSync(blob), existsSync(path)]).toEqual([true, true]);
  });
});

describe("a cache over its limit", () => {
  test("loses what was used longest ago, and no more than it must", async () => {
    using cache = testCache();
    const paths = [5, 2, 9].map((hours) => addBlob(cache, blobOf(10 * KIB, hours), hours));
    await open(cache, 25 * KIB).tidy();
    expect(paths.map((path) => existsSync(path))).toEqual([true, true, false]);
  });

  test("loses what no known image needs first", async () => {
    using cache = testCache();
    const [needed, loose] = [blobOf(10 * KIB, 1), blobOf(10 * KIB, 2)];
    const neededPath = addBlob(cache, needed, 9);
    const loosePath = addBlob(cache, loose, 3);
    addName(cache, needed.digest, [needed.digest]);
    await open(cache, 15 * KIB).tidy();
    expect([existsSync(neededPath), existsSync(loosePath)]).toEqual([true, false]);
  });

  test("keeps what may just be being pulled before what was used long ago", async () => {
    using cache = testCache();
    const [old, fresh] = [blobOf(10 * KIB, 1), blobOf(10 * KIB, 2)];
    const oldPath = addBlob(cache, old, 9);
    const freshPath = addBlob(cache, fresh, 0);
    addName(cache, old.digest, [old.digest]);
    await open(cache, 15 * KIB).tidy();
    expect([existsSync(oldPath), existsSync(freshPath)]).toEqual([false, true]);
  });

  test("keeps the trees that somebody uses", async () => {
    using cache = testCache();
    const used = await addTree(cache, MANIFEST, 9);
    const unused = await addTree(cache, OTHER, 1);
    unused.lease[Symbol.dispose]();
    await open(cache).tidy();
    expect([existsSync(used.path), existsSync(dirname(unused.path))]).toEqual([true, false]);
    // The next start finds it as well; its lease is the same file.
    expect((await open(cache).trees.find(keyOf(MANIFEST)))?.path).toBe(used.path);
    used.lease[Symbol.dispose]();
    await open(cache).tidy();
    expect(readdirSync(cache.directory.trees)).toEqual([]);
  });

  test("forgets the names whose manifests are gone", async () => {
    using cache = testCache();
    const blob = blobOf(10 * KIB);
    addBlob(cache, blob, 9);
    addName(cache, blob.digest, [blob.digest]);
    await open(cache).tidy();
    expect(readdirSync(cache.directory.names)).toEqual([]);
  });
});

test("when the disk is full, all goes that nobody has used for an hour", async () => {
  using cache = testCache();
  const oldPath = addBlob(cache, blobOf(10 * KIB, 1), 2);
  const freshPath = addBlob(cache, blobOf(10 * KIB, 2), 0);
  const used = await addTree(cache, MANIFEST, 9);
  const unused = await addTree(cache, OTHER, 9);
  unused.lease[Symbol.dispose]();
  await open(cache, 1024 ** 3).makeRoom();
  const left = [oldPath, freshPath, used.path, unused.path].map((path) => existsSync(path));
  expect(left).toEqual([false, true, true, false]);
});

describe("leases", () => {
  const [pid = "", start = "", boot = "", namespace = ""] = ownIdentity().split("-");

  test.each([
    ["a process that has ended", ["4194304", start, boot, namespace], 0, false],
    ["an earlier boot", [pid, start, "01234567", namespace], 0, false],
    ["another container", [pid, start, boot, "1"], 24 * 20, true],
    ["another container that was forgotten", [pid, start, boot, "1"], 24 * 31, false],
  ])("of %s: %p %p keeps the tree: %p", async (_, identity, hoursAgo, keeps) => {
    using cache = testCache();
    const { path, lease } = await addTree(cache, MANIFEST, 1);
    lease[Symbol.dispose]();
    const name = dirname(path).split("/").at(-1) ?? "";
    const file = join(cache.directory.leases, `${name}.${identity.join("-")}`);
    writeFileSync(file, "");
    age(file, hoursAgo);
    await open(cache).tidy();
    expect([existsSync(path), existsSync(file)]).toEqual([keeps, keeps]);
  });

  test("a tree that lost its record stays until its last user has ended", async () => {
    using cache = testCache();
    const { path, lease } = await addTree(cache, MANIFEST, 1);
    writeFileSync(join(dirname(path), "tree.json"), "");
    await open(cache, 1024 ** 2).tidy();
    expect(existsSync(path)).toBe(true);
    lease[Symbol.dispose]();
    await open(cache, 1024 ** 2).tidy();
    expect(existsSync(path)).toBe(false);
  });
});
