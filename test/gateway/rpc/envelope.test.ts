// What a text is taken for: a request, a notification, an answer, or no message.

import { describe, expect, test } from "bun:test";
import { parseEnvelope } from "../../../src/gateway/rpc/envelope.ts";

describe("parseEnvelope", () => {
  test.each([
    ['{"jsonrpc":"2.0","id":1,"method":"m"}', { kind: "request", id: 1, method: "m" }],
    ['{"jsonrpc":"2.0","id":"","method":"m"}', { kind: "request", id: "", method: "m" }],
    [
      '{"jsonrpc":"2.0","id":0,"method":"m","params":{"a":1}}',
      { kind: "request", params: { a: 1 } },
    ],
    ['{"jsonrpc":"2.0","id":0,"method":"m","params":[1]}', { kind: "request", params: undefined }],
    ['{"jsonrpc":"2.0","method":"m"}', { kind: "notification", method: "m" }],
    ['{"jsonrpc":"2.0","id":1,"result":null}', { kind: "response", id: 1, failed: false }],
    [
      '{"jsonrpc":"2.0","id":1,"result":{},"error":null}',
      { kind: "response", id: 1, failed: false },
    ],
    ['{"jsonrpc":"2.0","id":1,"error":{}}', { kind: "response", id: 1, failed: true }],
    ['{"jsonrpc":"2.0","id":null,"error":{}}', { kind: "response", id: undefined, failed: true }],
    ['{"jsonrpc":"2.0","error":{}}', { kind: "response", id: undefined, failed: true }],
    ["[1]", { kind: "batch", values: [1] }],
    ["{", { kind: "unparsable" }],
    ["", { kind: "unparsable" }],
    ["null", { kind: "invalid", id: undefined }],
    ['"text"', { kind: "invalid", id: undefined }],
    ['{"jsonrpc":"1.0","id":1,"method":"m"}', { kind: "invalid", id: 1 }],
    ['{"jsonrpc":"2.0","id":null,"method":"m"}', { kind: "invalid", id: undefined }],
    ['{"jsonrpc":"2.0","id":{},"method":"m"}', { kind: "invalid", id: undefined }],
    ['{"jsonrpc":"2.0","id":1,"method":7}', { kind: "invalid", id: 1 }],
    ['{"jsonrpc":"2.0","id":1,"method":7,"result":{}}', { kind: "invalid", id: 1 }],
    ['{"jsonrpc":"2.0","id":1}', { kind: "invalid", id: 1 }],
    ['{"jsonrpc":"2.0","result":{}}', { kind: "invalid", id: undefined }],
    ['{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', { kind: "invalid", id: 1 }],
  ])("%s", (text, expected) => {
    expect(parseEnvelope(text)).toMatchObject(expected);
  });

  test("keeps the text, on one line", () => {
    const text = '{"jsonrpc":"2.0",\r\n\n "id": 12345678901234567890,\r"method":"a\\nb"}';
    expect(parseEnvelope(text)).toMatchObject({
      method: "a\nb",
      text: '{"jsonrpc":"2.0",  "id": 12345678901234567890, "method":"a\\nb"}',
    });
  });
});
