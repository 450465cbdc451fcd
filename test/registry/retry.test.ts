import { describe, expect, test } from "bun:test";
import { backoff, formatRetry, isPassing, parseRetryAfter } from "../../src/registry/retry.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

test("what passes by itself is tried again, and nothing else", () => {
  const passing = Array.from({ length: 600 }, (_, status) => status).filter(isPassing);
  expect(passing).toEqual([408, 425, 429, 499, 500, 502, 503, 504, 522]);
});

describe("backoff", () => {
  test("doubles from half a second, up to ten", () => {
    const longest = [1, 2, 3, 4, 5, 6, 7, 1000].map((tried) => backoff(tried, () => 1));
    expect(longest).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
  });

  test("may be any shorter time", () => {
    expect([0, 0.25, 0.999].map((random) => backoff(2, () => random))).toEqual([0, 250, 999]);
  });
});

describe("parseRetryAfter", () => {
  test.each([
    ["seconds", "30", 30_000],
    ["no seconds", "0", 0],
    ["a date", "Fri, 02 Jan 2026 03:04:45 GMT", 40_000],
    ["a date of the year before last", "Wed, 03 Jan 2024 03:04:45 GMT", 0],
    ["an obsolete form of a date", "Friday, 02-Jan-26 03:04:45 GMT", 40_000],
    ["nothing", "", undefined],
    ["a word", "soon", undefined],
    ["a fraction", "1.5", undefined],
    ["less than nothing", "-1", undefined],
    ["a number that is too long", "1".repeat(400), undefined],
    ["a number of another kind", "0x10", undefined],
    ["a date that is none", "Fri, 99 Xyz 2026 03:04:45 GMT", undefined],
    ["a day and a number", "May 5", undefined],
    ["two headers", "30, 60", undefined],
  ])("reads %s", (_, text, expected) => {
    expect(parseRetryAfter(new Headers({ "retry-after": text }), NOW)).toBe(expected);
  });

  test("measures a date by the clock of the server, where that is known", () => {
    const headers = new Headers({
      date: "Fri, 02 Jan 2026 05:00:00 GMT",
      "retry-after": "Fri, 02 Jan 2026 05:00:07 GMT",
    });
    expect(parseRetryAfter(headers, NOW)).toBe(7000);
  });
});

test("formatRetry says what has gone wrong, and what comes next", () => {
  const problem = "the registry ghcr.io answers 503";
  expect(formatRetry({ problem, waitMs: 1234, next: 2 })).toBe(
    "the registry ghcr.io answers 503; trying again in 1.2 s (2 of 5)",
  );
  expect(formatRetry({ problem, waitMs: 0, next: 2, tries: 2 })).toEndWith("in 0.0 s (2 of 2)");
});
