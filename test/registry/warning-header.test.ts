import { expect, test } from "bun:test";
import { parseWarnings } from "../../src/registry/warning-header.ts";

test.each([
  ["none", [], []],
  ["one", ['299 - "This tag goes away."'], ["This tag goes away."]],
  ["several", ['299 - "a, b"', '299 - "c"'], ["a, b", "c"]],
  ["escapes", ['299 - "a \\"b\\" \\\\"'], ['a "b" \\']],
  ["another code", ['199 - "a"', '299 - "b"'], ["b"]],
  ["an agent", ['299 proxy "a"'], []],
  ["a date", ['299 - "a" "Fri, 02 Jan 2026 03:04:05 GMT"'], []],
  ["no quotes", ["299 - a"], []],
  ["an open quote", ['299 - "a'], []],
  ["a warning inside another", ['199 - ", 299 - \\"a\\""'], []],
])("reads %s", (_, values, expected) => {
  const headers = new Headers();
  for (const value of values) headers.append("warning", value);
  expect(parseWarnings(headers)).toEqual(expected);
});

test("reads no more than 4096 bytes", () => {
  const long = `299 - "${"x".repeat(4100)}"`;
  expect(parseWarnings(new Headers({ warning: long }))).toEqual([]);
  const many = Array.from({ length: 10_000 }, () => '299 - "x"').join(", ");
  expect(parseWarnings(new Headers({ warning: many })).length).toBeLessThan(410);
  expect(parseWarnings(new Headers({ warning: '299 - "\\'.repeat(1_000_000) }))).toEqual([]);
});
