import { describe, expect, test } from "bun:test";
import { closeSync, lstatSync, openSync, symlinkSync } from "node:fs";
import { setFileTimes, setLinkTimes } from "../../src/system/file-times.ts";
import { tempDir } from "../support/temp-dir.ts";

const CASES = [
  [{ seconds: 1_700_000_000, nanoseconds: 123_456_789 }, 1_700_000_000_123_456_789n],
  [{ seconds: 0, nanoseconds: 0 }, 0n],
  [{ seconds: -2, nanoseconds: 750_000_000 }, -1_250_000_000n],
] as const;

describe("file times", () => {
  for (const [time, expected] of CASES) {
    test(`a file's times become ${expected} ns exactly`, () => {
      using dir = tempDir();
      const descriptor = openSync(dir.file("f"), "w");
      setFileTimes(descriptor, time);
      closeSync(descriptor);
      const { atimeNs, mtimeNs } = lstatSync(dir.file("f"), { bigint: true });
      expect({ atimeNs, mtimeNs }).toEqual({ atimeNs: expected, mtimeNs: expected });
    });

    test(`a symbolic link's own times become ${expected} ns exactly`, () => {
      using dir = tempDir();
      const path = dir.file("l");
      symlinkSync("missing", path);
      setLinkTimes(Buffer.from(path), time);
      expect(lstatSync(path, { bigint: true }).mtimeNs).toBe(expected);
    });
  }

  test("a call that fails says so", () => {
    expect(() => setFileTimes(-1, { seconds: 0, nanoseconds: 0 })).toThrow("EBADF");
    expect(() =>
      setLinkTimes(Buffer.from("/no/such/link"), { seconds: 0, nanoseconds: 0 }),
    ).toThrow("ENOENT");
  });
});
