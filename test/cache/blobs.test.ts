import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Blobs } from "../../src/cache/blobs.ts";
import { blobOf, bytesOf, everythingIn, streamOf, type TestBlob, testCache } from "./support.ts";

const SMALL = blobOf(100_000);
const LARGE = blobOf(9 * 1024 ** 2);

const never = (): Promise<never> => Promise.reject(new Error("it was fetched"));
const fetchOf = (blob: TestBlob) => async () => streamOf(blob.bytes, 100_000);

describe("a blob that was read to its end", () => {
  test.each([
    ["small", SMALL],
    ["large", LARGE],
  ])("is not fetched again (%s)", async (_, blob) => {
    using cache = testCache();
    const blobs = new Blobs(cache.directory);
    expect(await bytesOf(await blobs.open(blob, fetchOf(blob)))).toEqual(blob.bytes);
    expect(await bytesOf(await blobs.open(blob, never))).toEqual(blob.bytes);
    expect(everythingIn(cache.directory.temporary)).toEqual([]);
    expect(everythingIn(cache.directory.locks)).toEqual([]);
  });
});

describe("is not kept:", () => {
  const table: readonly (readonly [string, Uint8Array])[] = [
    ["a blob that is too short", SMALL.bytes.slice(1)],
    ["a blob that is too long", new Uint8Array([...SMALL.bytes, 0])],
    ["a blob with a wrong byte", SMALL.bytes.with(7, (SMALL.bytes[7] ?? 0) ^ 1)],
    ["nothing at all", new Uint8Array()],
  ];
  test.each([...table])("%s", async (_, bytes) => {
    using cache = testCache();
    const blobs = new Blobs(cache.directory);
    const given = await bytesOf(await blobs.open(SMALL, async () => streamOf(bytes)));
    expect(given).toEqual(bytes);
    expect(everythingIn(cache.directory.blobs).filter((path) => path.includes("/"))).toEqual([]);
    expect(everythingIn(cache.directory.temporary)).toEqual([]);
    expect(await bytesOf(await blobs.open(SMALL, fetchOf(SMALL)))).toEqual(SMALL.bytes);
  });

  test("a blob whose source fails, and the next one may fetch it", async () => {
    using cache = testCache();
    const blobs = new Blobs(cache.directory);
    const failing = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(SMALL.bytes.slice(0, 1000));
        controller.error(new Error("reset"));
      },
    });
    await expect(bytesOf(await blobs.open(SMALL, async () => failing))).rejects.toThrow();
    expect(everythingIn(cache.directory.temporary)).toEqual([]);
    expect(await bytesOf(await blobs.open(SMALL, fetchOf(SMALL)))).toEqual(SMALL.bytes);
  });

  test("a blob that nobody reads on", async () => {
    using cache = testCache();
    const blobs = new Blobs(cache.directory);
    const stream = await blobs.open(SMALL, fetchOf(SMALL));
    const reader = stream.getReader();
    await reader.read();
    await reader.cancel();
    expect(everythingIn(cache.directory.temporary)).toEqual([]);
    expect(await bytesOf(await blobs.open(SMALL, fetchOf(SMALL)))).toEqual(SMALL.bytes);
  });

  test("a blob that cannot be fetched", async () => {
    using cache = testCache();
    const blobs = new Blobs(cache.directory);
    await expect(blobs.open(SMALL, never)).rejects.toThrow("it was fetched");
    expect(await bytesOf(await blobs.open(SMALL, fetchOf(SMALL)))).toEqual(SMALL.bytes);
  });
});

describe("a damaged blob", () => {
  const damages: readonly (readonly [string, (path: string) => void])[] = [
    ["emptied", (path) => truncateSync(path, 0)],
    ["truncated", (path) => truncateSync(path, 50_000)],
    ["flipped", (path) => writeFileSync(path, flipped(readFileSync(path)))],
    ["longer", (path) => writeFileSync(path, "x", { flag: "a" })],
  ];

  test.each([...damages])("that is small is fetched again: %s", async (_, damage) => {
    using cache = testCache();
    const blobs = new Blobs(cache.directory);
    await bytesOf(await blobs.open(SMALL, fetchOf(SMALL)));
    damage(pathOf(cache.directory.blobs));
    expect(await bytesOf(await blobs.open(SMALL, fetchOf(SMALL)))).toEqual(SMALL.bytes);
    expect(await bytesOf(await blobs.open(SMALL, never))).toEqual(SMALL.bytes);
  });

  test("that is large is dropped when somebody has noticed", async () => {
    using cache = testCache();
    const blobs = new Blobs(cache.directory);
    await bytesOf(await blobs.open(LARGE, fetchOf(LARGE)));
    expect(await blobs.dropDamaged([LARGE, SMALL])).toBe(0);
    const path = pathOf(cache.directory.blobs);
    writeFileSync(path, flipped(readFileSync(path)));
    expect(await blobs.dropDamaged([LARGE, SMALL])).toBe(1);
    expect(await bytesOf(await blobs.open(LARGE, fetchOf(LARGE)))).toEqual(LARGE.bytes);
  });

  test("that is read whole is not there", () => {
    using cache = testCache();
    const blobs = new Blobs(cache.directory);
    blobs.write(SMALL.digest, SMALL.bytes);
    expect(blobs.read(SMALL.digest)).toEqual(Buffer.from(SMALL.bytes));
    truncateSync(pathOf(cache.directory.blobs), 5);
    expect(blobs.read(SMALL.digest)).toBeUndefined();
    expect(readdirSync(join(cache.directory.blobs, "sha256"))).toEqual([]);
  });
});

test("of several that want a blob at once, one fetches it and the others wait", async () => {
  using cache = testCache();
  let fetches = 0;
  let waits = 0;
  const want = async () => {
    const fetch = async () => {
      fetches += 1;
      return streamOf(LARGE.bytes, 100_000);
    };
    const blobs = new Blobs(cache.directory);
    return await bytesOf(await blobs.open(LARGE, fetch, { onWait: () => (waits += 1) }));
  };
  const results = await Promise.all([want(), want(), want()]);
  expect(results.map((bytes) => Bun.hash(bytes))).toEqual(
    Array.from({ length: 3 }, () => Bun.hash(LARGE.bytes)),
  );
  expect([fetches, waits]).toEqual([1, 2]);
});

test("who waits for a blob is called away", async () => {
  using cache = testCache();
  const blobs = new Blobs(cache.directory);
  const held = await blobs.open(LARGE, fetchOf(LARGE));
  const abort = new AbortController();
  const wait = { signal: abort.signal, onWait: () => abort.abort(new Error("time is up")) };
  await expect(blobs.open(LARGE, never, wait)).rejects.toThrow("time is up");
  expect(await bytesOf(held)).toEqual(LARGE.bytes);
});

test("a blob stays, whatever size an image gives it", async () => {
  using cache = testCache();
  const blobs = new Blobs(cache.directory);
  await bytesOf(await blobs.open(SMALL, fetchOf(SMALL)));
  await expect(blobs.open({ ...SMALL, size: 7 }, never)).rejects.toThrow("it was fetched");
  expect(await bytesOf(await blobs.open(SMALL, never))).toEqual(SMALL.bytes);
});

test("a blob is only not kept where the cache takes no lock", async () => {
  using cache = testCache();
  rmSync(cache.directory.locks, { recursive: true });
  writeFileSync(cache.directory.locks, "");
  const blobs = new Blobs(cache.directory);
  expect(await bytesOf(await blobs.open(SMALL, fetchOf(SMALL)))).toEqual(SMALL.bytes);
  await expect(blobs.open(SMALL, never)).rejects.toThrow("it was fetched");
});

test("a blob is evicted while it is read, and read to its end all the same", async () => {
  using cache = testCache();
  const blobs = new Blobs(cache.directory);
  await bytesOf(await blobs.open(LARGE, fetchOf(LARGE)));
  const stream = await blobs.open(LARGE, never);
  rmSync(pathOf(cache.directory.blobs));
  expect(Bun.hash(await bytesOf(stream))).toBe(Bun.hash(LARGE.bytes));
});

function pathOf(blobs: string): string {
  const [name = ""] = readdirSync(join(blobs, "sha256"));
  return join(blobs, "sha256", name);
}

function flipped(bytes: Uint8Array): Uint8Array {
  return bytes.with(bytes.length >> 1, (bytes[bytes.length >> 1] ?? 0) ^ 0x10);
}
