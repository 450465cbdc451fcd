import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { cleanUp } from "../../src/system/cleanup.ts";
import {
  memoryDirectory,
  privateDirectory,
  removeTree,
} from "../../src/system/private-directory.ts";
import { ORDINARY_USER, otherUserProblem } from "../support/privileges.ts";
import { needsThat, unless } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";

describe("privateDirectory", () => {
  test("is for this user alone and vanishes when it is disposed", () => {
    using dir = tempDir();
    let path: string;
    {
      using own = privateDirectory(dir.path, "own-");
      path = own.path;
      expect(statSync(path).mode & 0o777).toBe(0o700);
    }
    expect(existsSync(path)).toBe(false);
  });

  test("vanishes on any other way out", () => {
    using dir = tempDir();
    privateDirectory(dir.path, "own-");
    cleanUp();
    expect(readdirSync(dir.path)).toEqual([]);
  });

  test("creates the directory it lies in", () => {
    using dir = tempDir();
    using own = privateDirectory(dir.file("a", "b"), "own-");
    expect(existsSync(own.path)).toBe(true);
  });
});

describe("removeTree", () => {
  test("does not follow a link", () => {
    using dir = tempDir();
    mkdirSync(dir.file("outside"));
    writeFileSync(dir.file("outside", "canary"), "alive");
    mkdirSync(dir.file("tree"));
    symlinkSync(dir.file("outside"), dir.file("tree", "link"));
    removeTree(dir.file("tree"));
    expect(readdirSync(dir.path)).toEqual(["outside"]);
    expect(readdirSync(dir.file("outside"))).toEqual(["canary"]);
  });

  test("has nothing to do for a path that does not exist", () => {
    removeTree("/nonexistent/for/certain");
  });

  unless(otherUserProblem())(
    "empties directories of every mode, with names that are not UTF-8, as an ordinary user",
    async () => {
      using dir = tempDir();
      const invalid = Buffer.concat([
        Buffer.from(`${dir.file("tree")}/`),
        Buffer.from([0xff, 0xfe]),
      ]);
      mkdirSync(invalid, { recursive: true });
      mkdirSync(dir.file("tree", "shut", "deeper"), { recursive: true });
      writeFileSync(dir.file("tree", "shut", "deeper", "file"), "");
      chmodSync(dir.file("tree", "shut", "deeper"), 0o000);
      chmodSync(dir.file("tree", "shut"), 0o555);
      chmodSync(invalid, 0o000);
      Bun.spawnSync(["chown", "-R", `${ORDINARY_USER}:${ORDINARY_USER}`, dir.path]);
      const script = `
        import { removeTree } from ${JSON.stringify(join(import.meta.dir, "../../src/system/private-directory.ts"))};
        removeTree(${JSON.stringify(dir.file("tree"))});`;
      await using child = Bun.spawn([process.execPath, "-e", script], {
        uid: ORDINARY_USER,
        gid: ORDINARY_USER,
        stderr: "pipe",
      });
      expect(await child.stderr.text()).toBe("");
      expect(await child.exited).toBe(0);
      expect(readdirSync(dir.path)).toEqual([]);
    },
  );
});

describe("memoryDirectory", () => {
  test("prefers a tmpfs", () => {
    expect(memoryDirectory({ TMPDIR: "/var/tmp" })).toMatch(/^\/(?:dev\/shm|run|tmp)$/);
  });

  needsThat(process.getuid?.() === 0, "needs root, to have another user's directory")(
    "is none that another user could exchange",
    () => {
      using dir = tempDir();
      const fallback = memoryDirectory({});
      chownSync(dir.path, ORDINARY_USER, ORDINARY_USER);
      mkdirSync(dir.file("writable"));
      chmodSync(dir.file("writable"), 0o777);
      const candidates = [dir.path, dir.file("writable"), "run"];
      for (const path of candidates) {
        expect(memoryDirectory({ XDG_RUNTIME_DIR: path, TMPDIR: path })).toBe(fallback);
      }
    },
  );

  test("falls back to a directory that can be written", () => {
    using dir = tempDir();
    expect(existsSync(memoryDirectory({ XDG_RUNTIME_DIR: dir.file("missing") }))).toBe(true);
  });
});
