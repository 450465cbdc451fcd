import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { elementsOf } from "../../../src/gateway/rpc/batch.ts";

describe("elementsOf", () => {
  test.each([
    ["[]", []],
    [" [ ] ", []],
    ["[1]", ["1"]],
    ['[ {"a":[1,2]} ,\n"],[", null]', ['{"a":[1,2]}', '"],["', "null"]],
    ['["\\\\","\\"]"]', ['"\\\\"', '"\\"]"']],
    ["[[],[[]],{}]", ["[]", "[[]]", "{}"]],
    ["[12345678901234567890, 1.0]", ["12345678901234567890", "1.0"]],
  ])("%s", (text, expected) => {
    expect(elementsOf(text)).toEqual(expected);
  });

  test.each(["x", '\\"', "\\\\", "\\n", "[", "},"])("steps over 5 MB of %s", (text) => {
    const long = `"${text.repeat(5_000_000 / text.length)}"`;
    expect(elementsOf(`[1,${long},2]`).map((element) => element === long)).toEqual([
      false,
      true,
      false,
    ]);
  });

  test("finds what JSON.parse finds, however it is written", () => {
    const write = (values: unknown[], indent: number) => JSON.stringify(values, null, indent);
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.nat(3), (values, indent) => {
        const text = write(values, indent);
        expect(elementsOf(text).map((element) => JSON.parse(element))).toEqual(JSON.parse(text));
      }),
    );
  });
});
