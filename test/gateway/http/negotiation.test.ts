import { describe, expect, test } from "bun:test";
import { accepts, isJson } from "../../../src/gateway/http/negotiation.ts";

const BOTH = ["application/json", "text/event-stream"];

describe("accepts", () => {
  test.each([
    ["application/json, text/event-stream", true],
    ["text/event-stream,application/json", true],
    ["Application/JSON;q=0.9 , text/event-stream; charset=utf-8", true],
    ["*/*", true],
    ["application/*, text/*", true],
    ["application/json", false],
    ["text/event-stream", false],
    ["application/json, text/event-stream;q=0", false],
    ["application/json, text/event-stream; q=0.000", false],
    ["application/json, text/event-stream;q=0.001", true],
    ["application/jsonx, text/event-stream", false],
    ["", false],
    [null, false],
  ])("%s: %p", (accept, expected) => {
    expect(accepts(accept, ...BOTH)).toBe(expected);
  });
});

describe("isJson", () => {
  test.each([
    ["application/json", true],
    ["APPLICATION/JSON; charset=utf-8", true],
    ["application/json-rpc", false],
    ["text/plain; application/json", false],
    ["", false],
    [null, false],
  ])("%s: %p", (contentType, expected) => {
    expect(isJson(contentType)).toBe(expected);
  });
});
