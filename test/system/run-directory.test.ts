import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import {
  runDirectory,
  sweepRunDirectories,
  workDirectory,
} from "../../src/system/run-directory.ts";
import { ORDINARY_USER, otherUserProblem } from "../support/privileges.ts";
import { needsThat, unless } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";

const SOURCE = join(import.meta.dir, "../../src/system/run-directory.ts");

// Part of a run's name: its process, its start, the boot and the process namespace.
function disguise(path: string, change: (parts: string[]) => void): string {
  const [, ...parts] = /run-(\d+)-(\d+)-([0-9a-f]{8})-(\d+)-/.exec(path) ?? [];
  change(parts);
  const other = join(dirname(path), `run-${parts.join("-")}-other`);
  renameSync(path, other);
  return other;
}

describe("sweepRunDirectories", () => {
  const shared = { exclusive: false };

  test("leaves the directory of a living run", async () => {
    using dir = tempDir();
    using own = runDirectory(dir.path);
    await sweepRunDirectories(dir.path, shared);
    expect(existsSync(own.path)).toBe(true);
  });

  test("removes the directory of a process that has ended", async () => {
    using dir = tempDir();
    const left = disguise(runDirectory(dir.path).path, (parts) => (parts[0] = "4194304"));
    await sweepRunDirectories(dir.path, shared);
    expect(existsSync(left)).toBe(false);
  });

  test("is not deceived by a new process with the number of an old one", async () => {
    using dir = tempDir();
    const left = disguise(runDirectory(dir.path).path, (parts) => (parts[1] = "1"));
    await sweepRunDirectories(dir.path, shared);
    expect(existsSync(left)).toBe(false);
  });

  test("removes what was left before the last boot", async () => {
    using dir = tempDir();
    const left = disguise(runDirectory(dir.path).path, (parts) => (parts[2] = "0123abcd"));
    await sweepRunDirectories(dir.path, shared);
    expect(existsSync(left)).toBe(false);
  });

  test("leaves another container's run, unless the directory is nobody else's", async () => {
    using dir = tempDir();
    const other = disguise(runDirectory(dir.path).path, (parts) => (parts[3] = "1"));
    await sweepRunDirectories(dir.path, shared);
    expect(existsSync(other)).toBe(true);
    await sweepRunDirectories(dir.path, { exclusive: true });
    expect(existsSync(other)).toBe(false);
  });

  test("leaves what is not a run's", async () => {
    using dir = tempDir();
    mkdirSync(dir.file("something"));
    await sweepRunDirectories(dir.path, { exclusive: true });
    expect(readdirSync(dir.path)).toEqual(["something"]);
  });
});

const isRoot = process.getuid?.() === 0;

describe("between users", () => {
  needsThat(isRoot, "needs root, to make another user's directories")(
    "what another user's dead run left stays, unless the directory is nobody else's",
    async () => {
      using dir = tempDir();
      const left = disguise(runDirectory(dir.path).path, (parts) => (parts[0] = "4194304"));
      chownSync(left, ORDINARY_USER, ORDINARY_USER);
      expect(await sweepRunDirectories(dir.path, { exclusive: false })).toEqual([]);
      expect(existsSync(left)).toBe(true);
      await sweepRunDirectories(dir.path, { exclusive: true });
      expect(existsSync(left)).toBe(false);
    },
  );

  unless(otherUserProblem())("what cannot be removed is told, and nothing worse", async () => {
    using dir = tempDir();
    const left = disguise(runDirectory(dir.path).path, (parts) => (parts[0] = "4194304"));
    mkdirSync(join(left, "inner", "file"), { recursive: true });
    chownSync(left, ORDINARY_USER, ORDINARY_USER);
    chmodSync(dir.path, 0o1777);
    const script = `
      import { sweepRunDirectories } from ${JSON.stringify(SOURCE)};
      const stuck = await sweepRunDirectories(${JSON.stringify(dir.path)}, { exclusive: false });
      require("node:fs").writeSync(1, stuck.join());`;
    await using child = Bun.spawn([process.execPath, "-e", script], {
      uid: ORDINARY_USER,
      gid: ORDINARY_USER,
      stdout: "pipe",
    });
    expect(await child.stdout.text()).toBe(left);
  });

  needsThat(isRoot, "needs root, to make another user's directories")(
    "a directory that another user has put into a shared one is refused",
    () => {
      using dir = tempDir();
      chmodSync(dir.path, 0o1777);
      mkdirSync(dir.file("planted"));
      chownSync(dir.file("planted"), ORDINARY_USER, ORDINARY_USER);
      mkdirSync(dir.file("target"));
      symlinkSync(dir.file("target"), dir.file("link"));
      lchownSync(dir.file("link"), ORDINARY_USER, ORDINARY_USER);
      for (const name of ["planted", "link"]) {
        expect(() => runDirectory(dir.file(name))).toThrow(
          expect.objectContaining({
            code: "DISK_UNWRITABLE",
            message: expect.stringContaining("another user"),
          }),
        );
        expect(readdirSync(dir.file(name))).toEqual([]);
      }
      using own = runDirectory(dir.file("new"));
      expect(existsSync(own.path)).toBe(true);
    },
  );
});

describe("workDirectory", () => {
  test("is WORK_DIR where it is given", () => {
    expect(workDirectory({ configured: "/somewhere", environment: {} })).toBe("/somewhere");
  });

  test("is never shared between users", () => {
    expect(workDirectory({ configured: undefined, environment: {} })).toMatch(
      process.getuid?.() === 0 ? /^\/var\/cache\/fastmcp-runner$/ : /fastmcp-runner/,
    );
  });
});
