// What the page tells of a server that says what it likes of itself.

import { describe, expect, test } from "bun:test";
import { describeServer } from "../../../src/gateway/page/description.ts";
import { catalogueWith } from "./page-server.ts";

function argumentsOf(inputSchema: unknown) {
  const { tools } = describeServer(catalogueWith({ tools: [{ name: "t", inputSchema }] }));
  return tools.shown[0]?.arguments ?? [];
}

describe("an argument", () => {
  test.each([
    ["a text", { type: "string" }, "text", "string"],
    ["a whole number", { type: "integer" }, "integer", "integer"],
    ["a number", { type: "number" }, "number", "number"],
    ["yes or no", { type: "boolean" }, "choice", "boolean"],
    ["one of several", { enum: ["a", 1, null] }, "choice", "choice"],
    ["a list", { type: "array", items: { type: "string" } }, "json", "list of string"],
    ["an object", { type: "object" }, "json", "object"],
    ["anything", {}, "json", "any"],
    [
      "a text or nothing",
      { anyOf: [{ type: "string" }, { type: "null" }] },
      "text",
      "string or null",
    ],
    ["a text or nothing, in short", { type: ["string", "null"] }, "text", "string or null"],
    [
      "one of two",
      { oneOf: [{ type: "string" }, { type: "integer" }] },
      "json",
      "string or integer",
    ],
    ["one that is named elsewhere", { $ref: "#/$defs/Unit" }, "choice", "string"],
    [
      "one that is named by way of allOf",
      { allOf: [{ $ref: "#/$defs/Unit" }] },
      "choice",
      "string",
    ],
    ["one that is named in a circle", { $ref: "#/$defs/Circle" }, "json", "any"],
    ["one that is named nowhere", { $ref: "#/$defs/toString" }, "json", "any"],
    ["a schema that is none", 7, "json", "any"],
  ])("that is %s is asked for as such", (_, property, kind, type) => {
    const $defs = {
      Unit: { type: "string", enum: ["C", "F"] },
      Circle: { $ref: "#/$defs/Circle" },
    };
    expect(argumentsOf({ properties: { x: property }, $defs })).toMatchObject([{ kind, type }]);
  });

  test("of a name that objects have by themselves is one like any other", () => {
    const schema = JSON.parse(
      '{"properties":{"__proto__":{"type":"string"},"constructor":{"type":"string"}},"required":["__proto__"]}',
    );
    expect(argumentsOf(schema)).toMatchObject([
      { unsafeName: "__proto__", required: true },
      { unsafeName: "constructor", required: false },
    ]);
  });

  test("keeps its default, and loses one that is too long rather than a part of it", () => {
    const properties = {
      text: { type: "string", default: "a b" },
      number: { type: "integer", default: 3 },
      list: { type: "array", default: [1] },
      long: { type: "string", default: "x".repeat(10_000) },
    };
    expect(argumentsOf({ properties }).map(({ preset }) => preset)).toEqual([
      "a b",
      "3",
      "[1]",
      "",
    ]);
  });
});

describe("a server", () => {
  test.each([null, 7, "x", true, {}, { name: 7 }, { name: null, title: "x" }])(
    "that lists %j has nothing to show",
    (entry) => {
      const list = [[entry], entry, undefined];
      const lists = { tools: list, resources: list, prompts: list };
      const { tools, resources, prompts } = describeServer(catalogueWith(lists));
      const nothing = { shown: [], more: 3 };
      expect([tools, resources, prompts]).toEqual([nothing, nothing, nothing]);
    },
  );

  test("cannot reorder or break what stands beside its words", () => {
    const { name, instructions, tools } = describeServer(
      catalogueWith({
        unsafeName: "a\u202eb\nc\u0000",
        unsafeInstructions: "one\r\ntwo\tthree\u2066\u001b[2J",
        tools: [{ name: "x\u200f", title: 7, description: ["no text"] }],
      }),
    );
    expect(name).toBe("a\\u202eb\\x0ac\\x00");
    expect(instructions).toBe("one\ntwo    three\\u2066\\x1b[2J");
    expect(tools.shown).toMatchObject([
      { unsafeName: "x\u200f", name: "x\\u200f", title: "", about: "" },
    ]);
  });

  test("that says enormous things is told in a bounded length", () => {
    const long = "x".repeat(5_000_000);
    const tool = { name: "t", description: long, inputSchema: { properties: { [long]: {} } } };
    const many = Array.from({ length: 9_000 }, (_, index) => ({
      name: `t${index}`,
      description: long,
    }));
    const told = describeServer(
      catalogueWith({ unsafeName: long, unsafeInstructions: long, tools: [tool], prompts: many }),
    );
    expect(JSON.stringify(told).length).toBeLessThan(1_100_000);
    expect(told.tools).toEqual({ shown: [], more: 1 });
    expect(told.prompts.shown.length).toBeGreaterThan(50);
    expect(told.prompts.shown.length + told.prompts.more).toBe(9_000);
  });
});
