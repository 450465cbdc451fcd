import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  runDirectory,
  sweepRunDirectories,
  workDirectory,
} from "../../src/system/run-directory.ts";
import { tempDir } from "../support/temp-dir.ts";

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

  test("leaves the directory of a living run", () => {
    using dir = tempDir();
    using own = runDirectory(dir.path);
    sweepRunDirectories(dir.path, shared);
    expect(existsSync(own.path)).toBe(true);
  });

  test("removes the directory of a process that has ended", () => {
    using dir = tempDir();
    const left = disguise(runDirectory(dir.path).path, (parts) => (parts[0] = "4194304"));
    sweepRunDirectories(dir.path, shared);
    expect(existsSync(left)).toBe(false);
  });

  test("is not deceived by a new process with the number of an old one", () => {
    using dir = tempDir();
    const left = disguise(runDirectory(dir.path).path, (parts) => (parts[1] = "1"));
    sweepRunDirectories(dir.path, shared);
    expect(existsSync(left)).toBe(false);
  });

  test("removes what was left before the last boot", () => {
    using dir = tempDir();
    const left = disguise(runDirectory(dir.path).path, (parts) => (parts[2] = "0123abcd"));
    sweepRunDirectories(dir.path, shared);
    expect(existsSync(left)).toBe(false);
  });

  test("leaves another container's run, unless the directory is nobody else's", () => {
    using dir = tempDir();
    const other = disguise(runDirectory(dir.path).path, (parts) => (parts[3] = "1"));
    sweepRunDirectories(dir.path, shared);
    expect(existsSync(other)).toBe(true);
    sweepRunDirectories(dir.path, { exclusive: true });
    expect(existsSync(other)).toBe(false);
  });

  test("leaves what is not a run's", () => {
    using dir = tempDir();
    mkdirSync(dir.file("something"));
    sweepRunDirectories(dir.path, { exclusive: true });
    expect(readdirSync(dir.path)).toEqual(["something"]);
  });
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
