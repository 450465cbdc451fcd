import { describe, expect, test } from "bun:test";
import { isWorthwhile, nextRange } from "../../src/registry/range-plan.ts";

const MIB = 1024 ** 2;

describe("isWorthwhile", () => {
  test.each([
    ["much is left and little has come", { waitedMs: 500, bytes: MIB }, 100 * MIB, true],
    ["nothing has come at all", { waitedMs: 500, bytes: 0 }, 100 * MIB, true],
    ["two seconds are left", { waitedMs: 1000, bytes: 10 * MIB }, 20 * MIB, false],
    ["it is too early to say", { waitedMs: 300, bytes: MIB }, 100 * MIB, false],
    ["only a little is left, however slow", { waitedMs: 9000, bytes: 1 }, MIB, false],
  ])("when %s", (_, progress, remaining, expected) => {
    expect(isWorthwhile(progress, remaining)).toBe(expected);
  });
});

describe("nextRange", () => {
  test("the ranges of a blob have no gaps, become smaller, and end with it", () => {
    const size = 100 * MIB + 5;
    const lengths: number[] = [];
    let at = 0;
    for (let range = nextRange(at, size, 4); range !== undefined; range = nextRange(at, size, 4)) {
      expect(range.start).toBe(at);
      lengths.push(range.end - range.start);
      at = range.end;
    }
    expect(at).toBe(size);
    expect(lengths[0]).toBe(8 * MIB);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(9 * MIB);
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(MIB);
    expect(lengths.at(-1)).toBeLessThan(3 * MIB);
  });

  test("there is none after the end", () => {
    expect(nextRange(10, 10, 4)).toBeUndefined();
  });
});
