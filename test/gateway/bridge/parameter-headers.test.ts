import { describe, expect, test } from "bun:test";
import {
  parameterHeaders,
  parameterProblem,
} from "../../../src/gateway/bridge/parameter-headers.ts";

const SCHEMA = {
  type: "object",
  properties: {
    region: { type: "string", "x-mcp-header": "Region" },
    query: { type: "string" },
    page: {
      type: "object",
      properties: { size: { type: "integer", "x-mcp-header": "Size" } },
    },
    dry: { type: "boolean", "x-mcp-header": "Dry" },
  },
};

describe("parameterHeaders", () => {
  test("finds the annotated arguments at whatever depth", () => {
    expect(parameterHeaders(SCHEMA).toSorted((a, b) => (a.header < b.header ? -1 : 1))).toEqual([
      { header: "Mcp-Param-Dry", path: ["dry"], isNumber: false },
      { header: "Mcp-Param-Region", path: ["region"], isNumber: false },
      { header: "Mcp-Param-Size", path: ["page", "size"], isNumber: true },
    ]);
  });

  test.each([
    ["no name", { a: { type: "string", "x-mcp-header": "" } }],
    ["a name of two words", { a: { type: "string", "x-mcp-header": "a b" } }],
    ["a name with a line's end", { a: { type: "string", "x-mcp-header": "a\r\nb" } }],
    ["a number", { a: { type: "number", "x-mcp-header": "A" } }],
    ["an object", { a: { type: "object", "x-mcp-header": "A" } }],
    [
      "one name twice",
      {
        a: { type: "string", "x-mcp-header": "A" },
        b: { type: "string", "x-mcp-header": "a" },
      },
    ],
  ])("finds none where an annotation has %s", (_what, properties) => {
    expect(parameterHeaders({ type: "object", properties })).toEqual([]);
  });

  test("survives whatever a server calls a schema", () => {
    for (const schema of [null, 1, "x", [], { properties: [] }, { properties: { a: null } }]) {
      expect(parameterHeaders(schema)).toEqual([]);
    }
    const deep = JSON.parse(`${'{"properties":{"a":'.repeat(5_000)}{}${"}}".repeat(5_000)}`);
    expect(parameterHeaders(deep)).toEqual([]);
  });
});

describe("parameterProblem", () => {
  const declared = parameterHeaders(SCHEMA);

  test.each([
    ["none of them", {}, {}],
    ["no arguments at all", undefined, {}],
    ["a text", { region: "us-west1" }, { "mcp-param-region": "us-west1" }],
    ["a text in base64", { region: "Zürich" }, { "Mcp-Param-Region": "=?base64?WsO8cmljaA==?=" }],
    ["an integer", { page: { size: 42 } }, { "Mcp-Param-Size": "42" }],
    ["an integer written otherwise", { page: { size: 42 } }, { "Mcp-Param-Size": "42.0" }],
    ["a text where an integer should be", { page: { size: "x" } }, { "Mcp-Param-Size": "x" }],
    ["a boolean", { dry: false }, { "Mcp-Param-Dry": "false" }],
    ["null", { region: null }, {}],
    ["an integer that no header can say", { page: { size: 2 ** 53 } }, {}],
    ["an object where a text should be", { region: {} }, {}],
    ["a header that nobody declared", {}, { "Mcp-Param-Other": "x" }],
    ["an inherited name", { page: Object.create({ size: 1 }) }, {}],
  ])("finds nothing wrong with %s", (_what, args, headers) => {
    expect(parameterProblem(declared, args, new Headers(headers))).toBeUndefined();
  });

  test.each([
    [
      "a missing header",
      { region: "eu" },
      {},
      "Mcp-Param-Region is required with these arguments.",
    ],
    ["another text", { region: "eu" }, { "Mcp-Param-Region": "us" }, otherwise("Region")],
    ["a header without an argument", {}, { "Mcp-Param-Region": "us" }, otherwise("Region")],
    ["a header beside null", { region: null }, { "Mcp-Param-Region": "null" }, otherwise("Region")],
    ["another integer", { page: { size: 1 } }, { "Mcp-Param-Size": "2" }, otherwise("Size")],
    [
      "an integer in hexadecimal",
      { page: { size: 26 } },
      { "Mcp-Param-Size": "0x1a" },
      otherwise("Size"),
    ],
    [
      "an integer beyond 2^53",
      { page: { size: 2 ** 53 } },
      { "Mcp-Param-Size": String(2 ** 53) },
      otherwise("Size"),
    ],
    ["a boolean in capitals", { dry: true }, { "Mcp-Param-Dry": "True" }, otherwise("Dry")],
    [
      "broken base64",
      { region: "x" },
      { "Mcp-Param-Region": "=?base64?eA?=" },
      "Mcp-Param-Region has characters that it must not have.",
    ],
  ])("finds %s", (_what, args, headers, problem) => {
    expect(parameterProblem(declared, args, new Headers(headers))).toBe(problem);
  });
});

function otherwise(name: string): string {
  return `Mcp-Param-${name} does not say what the body says.`;
}
