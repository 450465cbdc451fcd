import { expect, test } from "bun:test";
import { parseContentRange } from "../../src/registry/content-range.ts";

test.each([
  ["bytes 0-0/1", { start: 0, end: 1, total: 1 }],
  ["bytes 10-19/20", { start: 10, end: 20, total: 20 }],
  ["Bytes 10-19/*", { start: 10, end: 20, total: undefined }],
  [" bytes 10-19/20 ", { start: 10, end: 20, total: 20 }],
])("%p is a range", (text, range) => {
  expect(parseContentRange(text)).toEqual(range);
});

test.each([
  [null],
  [""],
  ["bytes */20"],
  ["bytes 10-9/20"],
  ["bytes 10-20/20"],
  ["bytes=10-19/20"],
  ["bytes 10-19"],
  ["bytes -10-19/20"],
  ["bytes 1e1-19/20"],
  ["bytes 10-19/20, 30-39/20"],
  ["items 10-19/20"],
  ["bytes 0-9999999999999999/*"],
])("%p is none", (text) => {
  expect(parseContentRange(text)).toBeUndefined();
});
