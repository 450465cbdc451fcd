import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readServerLine } from "../../../src/gateway/bridge/modern-line.ts";

const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";
const CHANGED = '"method":"notifications/tools/list_changed"';

describe("readServerLine", () => {
  test.each([
    ["an answer", '{"result":{"id":"g"},"id":"g"}', '{"result":{"id":"g"},"id":7}'],
    [
      "an error",
      '{"id":"g","error":{"code":-1,"data":"g"}}',
      '{"id":7,"error":{"code":-1,"data":"g"}}',
    ],
    [
      "the end of a subscription",
      `{"id":"g","result":{"_meta":{"${SUBSCRIPTION}":"g"}}}`,
      `{"id":7,"result":{"_meta":{"${SUBSCRIPTION}":7}}}`,
    ],
    [
      "a result with somebody else's subscription",
      `{"id":"g","result":{"_meta":{"${SUBSCRIPTION}":"h"}}}`,
      `{"id":7,"result":{"_meta":{"${SUBSCRIPTION}":"h"}}}`,
    ],
    [
      "progress",
      '{"method":"notifications/progress","params":{"progressToken":"g","message":"\\u0067"}}',
      '{"method":"notifications/progress","params":{"progressToken":7,"message":"\\u0067"}}',
    ],
    [
      "a change that names its subscription",
      `{${CHANGED},"params":{"_meta":{"${SUBSCRIPTION}":"g"}}}`,
      `{${CHANGED},"params":{"_meta":{"${SUBSCRIPTION}":7}}}`,
    ],
    [
      "one that names none",
      `{${CHANGED}}`,
      `{"params":{"_meta":{"${SUBSCRIPTION}":7}},${CHANGED}}`,
    ],
    [
      "one with parameters",
      `{${CHANGED},"params":{"a":1}}`,
      `{${CHANGED},"params":{"_meta":{"${SUBSCRIPTION}":7},"a":1}}`,
    ],
    [
      "one with a _meta",
      `{${CHANGED},"params":{"_meta":{}}}`,
      `{${CHANGED},"params":{"_meta":{"${SUBSCRIPTION}":7}}}`,
    ],
    ["a line that ends with a return", '{"id":"g",\r"result":1}\r', '{"id":7, "result":1} '],
  ])("puts %s in the client's words", (_what, text, expected) => {
    const line = readServerLine(text);
    expect("as" in line && line.as("7")).toBe(expected);
  });

  test.each([
    ["what is no JSON", "Server running on stdio"],
    ["an array", '[{"id":"g","result":1}]'],
    ["a request", '{"id":"g","method":"roots/list"}'],
    ["an answer to nobody", '{"id":null,"error":{"code":-32700}}'],
    ["an answer under a number", '{"id":1,"result":{}}'],
    ["an answer with two ids", '{"id":"g","id":"h","result":{}}'],
    ["progress of nothing", '{"method":"notifications/progress","params":{}}'],
    ["an update of nothing", '{"method":"notifications/resources/updated"}'],
    ["a change whose parameters are a list", `{${CHANGED},"params":[]}`],
    [
      "a change for a subscription under a number",
      `{${CHANGED},"params":{"_meta":{"${SUBSCRIPTION}":1}}}`,
    ],
    ["what no revision knows", '{"method":"notifications/x"}'],
  ])("gives %s to nobody", (_what, text) => {
    expect(readServerLine(text)).toEqual({ kind: "stray" });
  });

  test("has an opinion of any line", () => {
    const member = fc.constantFrom(
      '"id":"g"',
      '"method":"notifications/progress"',
      CHANGED,
      `"params":{"_meta":{"${SUBSCRIPTION}":"g"},"progressToken":"g"}`,
      '"params":{"_meta":null}',
      '"error":{"code":"x"}',
      '"result":{"_meta":[]}',
      '"\\ud800":1',
    );
    const lines = fc.oneof(
      fc.string(),
      fc.array(member).map((members) => `{${members.join(",")}}`),
    );
    fc.assert(
      fc.property(lines, (text) => {
        const line = readServerLine(text);
        if ("as" in line) expect(() => JSON.parse(line.as("7"))).not.toThrow();
      }),
      { numRuns: 2_000 },
    );
  });
});
