import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { FileNames, STATE_WORDS } from "../../src/system/file-state.ts";
import { tempDir } from "../support/temp-dir.ts";

function stateOf(directory: string, name: string): readonly number[] | undefined {
  const descriptor = openSync(directory, "r");
  try {
    const names = new FileNames(descriptor, Buffer.from(`${name}\0`));
    const state = new Uint32Array(STATE_WORDS);
    return names.stateAt(0, state, 0) ? [...state] : undefined;
  } finally {
    closeSync(descriptor);
  }
}

test("a state has what lstat says", () => {
  using dir = tempDir();
  writeFileSync(dir.file("a"), "twelve bytes");
  const [mode, uid, gid, inode, , size] = stateOf(dir.path, "a") ?? [];
  const stats = lstatSync(dir.file("a"));
  expect([mode, uid, gid, inode, size]).toEqual([
    stats.mode,
    stats.uid,
    stats.gid,
    stats.ino,
    stats.size,
  ]);
});

test("a name is found by where it begins", () => {
  using dir = tempDir();
  writeFileSync(dir.file("first"), "1");
  writeFileSync(dir.file("second"), "22");
  const descriptor = openSync(dir.path, "r");
  const names = new FileNames(descriptor, Buffer.from("first\0second\0"));
  const state = new Uint32Array(STATE_WORDS);
  expect(names.stateAt("first\0".length, state, 0)).toBe(true);
  expect(state[5]).toBe(2);
  closeSync(descriptor);
});

describe("a state changes when", () => {
  test.each<[string, (path: string) => void]>([
    ["bytes are appended", (path) => appendFileSync(path, "x")],
    ["bytes are replaced", (path) => writeFileSync(path, "TWELVE BYTES")],
    ["the mode changes", (path) => chmodSync(path, 0o600)],
    [
      "another file takes the name",
      (path) => {
        writeFileSync(`${path}2`, "twelve bytes");
        renameSync(`${path}2`, path);
      },
    ],
    [
      "a link takes the name",
      (path) => {
        rmSync(path);
        symlinkSync("elsewhere", path);
      },
    ],
  ])("%s", async (_, change) => {
    using dir = tempDir();
    writeFileSync(dir.file("a"), "twelve bytes");
    const before = stateOf(dir.path, "a");
    // The clock that filesystems use ticks every few milliseconds.
    const { ctimeMs } = lstatSync(dir.file("a"));
    while (clockOf(dir.file("clock")) === ctimeMs) await Bun.sleep(1);
    change(dir.file("a"));
    expect(stateOf(dir.path, "a")).not.toEqual(before);
  });

  test("the file is gone, which is no state at all", () => {
    using dir = tempDir();
    expect(stateOf(dir.path, "a")).toBeUndefined();
  });
});

function clockOf(path: string): number {
  writeFileSync(path, "");
  return lstatSync(path).ctimeMs;
}
