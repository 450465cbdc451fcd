import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { CacheDirectory } from "../../src/cache/directory.ts";
import { ownIdentity } from "../../src/system/process-identity.ts";
import { ORDINARY_USER } from "../support/privileges.ts";
import { needsThat } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";
import { testCache } from "./support.ts";

const IS_ROOT = process.getuid?.() === 0;

describe("a cache's directory", () => {
  test("is this user's alone, however open its parent is", () => {
    using dir = tempDir();
    chmodSync(dir.path, 0o777);
    const cache = new CacheDirectory(dir.file("new/cache"));
    const directories = [cache.trees, cache.blobs, join(cache.trees, ".."), dir.file("new/cache")];
    expect(directories.map((path) => statSync(path).mode & 0o777)).toEqual([
      0o700, 0o700, 0o700, 0o700,
    ]);
  });

  test("that others may write to is refused", () => {
    using dir = tempDir();
    mkdirSync(dir.file("cache"));
    chmodSync(dir.file("cache"), 0o777);
    expect(() => new CacheDirectory(dir.file("cache"))).toThrow("may be written by other users");
  });

  needsThat(IS_ROOT, "root, to give a directory away")(
    "that belongs to another user is refused",
    () => {
      using dir = tempDir();
      mkdirSync(dir.file("cache"));
      chownSync(dir.file("cache"), ORDINARY_USER, ORDINARY_USER);
      expect(() => new CacheDirectory(dir.file("cache"))).toThrow("belongs to another user");
    },
  );

  test("with an inside that others may write to is refused", () => {
    using cache = testCache();
    chmodSync(join(cache.path, "v1"), 0o770);
    expect(() => new CacheDirectory(cache.path)).toThrow("may be written by other users");
  });

  test("cannot be a file", () => {
    using dir = tempDir();
    writeFileSync(dir.file("cache"), "");
    expect(() => new CacheDirectory(dir.file("cache"))).toThrow(
      expect.objectContaining({
        code: "DISK_UNWRITABLE",
        message: expect.stringContaining("is no directory"),
        hint: expect.stringContaining("CACHE_DIR"),
      }),
    );
  });
});

describe("sweep", () => {
  const [pid, start, boot, namespace] = ownIdentity().split("-");

  test.each([
    ["this process", [pid, start, boot, namespace], true],
    ["a process that has ended", ["4194304", start, boot, namespace], false],
    ["an earlier process of the same number", [pid, "1", boot, namespace], false],
    ["an earlier boot", [pid, start, "01234567", namespace], false],
    ["another container", [pid, start, boot, "1"], true],
  ])("what %s was building stays: %p %p", async (_, identity, stays) => {
    using cache = testCache();
    const path = join(cache.directory.temporary, `${identity.join("-")}-1`);
    mkdirSync(join(path, "root"), { recursive: true });
    await cache.directory.sweep();
    expect(existsSync(path)).toBe(stays);
  });

  test("what another container was building goes when it is old", async () => {
    using cache = testCache();
    const path = join(cache.directory.temporary, [pid, start, boot, "1", "1"].join("-"));
    mkdirSync(path);
    const old = new Date(Date.now() - 25 * 60 * 60 * 1000);
    utimesSync(path, old, old);
    await cache.directory.sweep();
    expect(existsSync(path)).toBe(false);
  });

  test("what bears no identity goes", async () => {
    using cache = testCache();
    writeFileSync(join(cache.directory.temporary, "stray"), "");
    await cache.directory.sweep();
    expect(existsSync(join(cache.directory.temporary, "stray"))).toBe(false);
  });
});
