import { describe, expect, test } from "bun:test";
import { formatRateLimit, parseRateLimit } from "../../src/registry/rate-limit.ts";

describe("the limit that headers tell", () => {
  test.each([
    ["100;w=21600", "3;w=21600", "100 pulls in 6 hours, of which 3 are left"],
    ["200 ; w=21600", "0;w=21600", "200 pulls in 6 hours, of which none is left"],
    ["1;w=60", "1", "1 pull in 1 minute, of which 1 is left"],
    ["10;w=3600", "many", "10 pulls in 1 hour"],
    ["10;w=3600", null, "10 pulls in 1 hour"],
  ])("%p with %p is said in words", (limit, left, expected) => {
    const headers = new Headers({ "ratelimit-limit": limit });
    if (left !== null) headers.set("ratelimit-remaining", left);
    const parsed = parseRateLimit(headers);
    expect(parsed && formatRateLimit(parsed)).toBe(expected);
  });

  test.each([null, "", "100", "100;w=0", "100;w=x", "100, 200;w=60", `${"9".repeat(50)};w=60`])(
    "%p is no limit",
    (limit) => {
      const headers = new Headers(limit === null ? {} : { "ratelimit-limit": limit });
      expect(parseRateLimit(headers)).toBeUndefined();
    },
  );
});
