import { describe, expect, test } from "bun:test";
import { decodeHeaderValue } from "../../../src/gateway/http/header-value.ts";

describe("decodeHeaderValue", () => {
  // The first five are the specification's own examples.
  test.each([
    ["us-west1", "us-west1"],
    ["=?base64?SGVsbG8sIOS4lueVjA==?=", "Hello, 世界"],
    ["=?base64?IHBhZGRlZCA=?=", " padded "],
    ["=?base64?bGluZTEKbGluZTI=?=", "line1\nline2"],
    ["=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", "=?base64?literal?="],
    ["=?base64??=", ""],
    ["=?base64?77u/eA==?=", "\ufeffx"],
    ["=?BASE64?eA==?=", "=?BASE64?eA==?="],
    ["=?base64?eA==", "=?base64?eA=="],
  ])("%s says %p", (value, text) => {
    expect(decodeHeaderValue(value)).toBe(text);
  });

  test.each([
    "=?base64?eA=?=",
    "=?base64?eA?=",
    "=?base64?e A=?=",
    "=?base64?_-8=?=",
    "=?base64?/w==?=",
    "a\u00e9",
    "a\u0000",
  ])("%p says nothing", (value) => {
    expect(decodeHeaderValue(value)).toBeUndefined();
  });
});
