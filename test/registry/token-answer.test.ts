import { describe, expect, test } from "bun:test";
import { isBearerToken, parseToken } from "../../src/registry/token-answer.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

describe("parseToken", () => {
  test.each<[string, unknown, string, number]>([
    ["token", { token: "a", expires_in: 300 }, "a", 300],
    ["access_token", { access_token: "a", expires_in: 300 }, "a", 300],
    ["both", { token: "a", access_token: "b" }, "a", 60],
    ["an empty one and another", { token: "", access_token: "b" }, "b", 60],
    ["null and another", { token: null, access_token: "b" }, "b", 60],
    ["no life", { token: "a" }, "a", 60],
    ["a life of null", { token: "a", expires_in: null }, "a", 60],
    ["a life in words", { token: "a", expires_in: "soon" }, "a", 60],
    ["no life at all", { token: "a", expires_in: 0 }, "a", 60],
    ["a life before its birth", { token: "a", expires_in: -5 }, "a", 60],
    ["an issue date that is none", { token: "a", issued_at: "yesterday" }, "a", 60],
    ["members of its own", { token: "a", expires_in: 90, refresh_token: "r", x: [{}] }, "a", 90],
  ])("reads %s", (_, answer, token, seconds) => {
    expect(parse(answer)).toEqual({ token, expiresAt: NOW + seconds * 1000 });
  });

  test("a token that was issued before is as old as the service's own clock says", () => {
    const answer = { token: "a", expires_in: 300, issued_at: "2020-01-01T00:00:00Z" };
    const headers = new Headers({ date: "Wed, 01 Jan 2020 00:01:40 GMT" });
    expect(parse(answer, headers)?.expiresAt).toBe(NOW + 200_000);
    const fromTheFuture = { ...answer, issued_at: "2030-01-01T00:00:00Z" };
    expect(parse(fromTheFuture, headers)?.expiresAt).toBe(NOW + 300_000);
  });

  test.each([
    ["no object", "token"],
    ["nothing", {}],
    ["a number", { token: 7 }],
    ["a line break", { token: "a\r\nHost: b" }],
    ["a space", { token: "a b" }],
    ["a letter that no header has", { token: "tökén" }],
  ])("finds no token in %s", (_, answer) => {
    expect(parse(answer)).toBeUndefined();
  });

  test("finds none in what is no JSON, and in JSON that has no bottom", () => {
    for (const text of ["", "token=a", "[".repeat(60_000), '{"token":'.repeat(7000)]) {
      expect(parseToken(Buffer.from(text), new Headers(), NOW)).toBeUndefined();
    }
  });
});

test("isBearerToken takes only what a header may hold", () => {
  expect(["abc.DEF-_~+/=", "", "a b", "a\n", "é"].map(isBearerToken)).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
});

function parse(answer: unknown, headers = new Headers()) {
  return parseToken(Buffer.from(JSON.stringify(answer)), headers, NOW);
}
