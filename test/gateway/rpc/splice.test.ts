import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type MemberPath,
  insertMember,
  memberFinder,
  replaceSpans,
  type Span,
  textOf,
} from "../../../src/gateway/rpc/splice.ts";

const PATHS = {
  id: ["id"],
  method: ["method"],
  token: ["params", "_meta", "progressToken"],
  meta: ["params", "_meta"],
  requestId: ["params", "requestId"],
  subscription: ["result", "_meta", "io.modelcontextprotocol/subscriptionId"],
} satisfies Record<string, MemberPath>;
const find = memberFinder(PATHS);
const NAMES = [...new Set(Object.values(PATHS).flat())];

describe("memberFinder", () => {
  test("finds what JSON.parse finds, however the text is written", () => {
    fc.assert(
      fc.property(objects(), styles(), (value, style) => {
        const text = write(value, style);
        expect(JSON.parse(text)).toEqual(value);
        const spans = spansIn(text);
        for (const [member, path] of Object.entries(PATHS)) {
          const span = spans[member];
          const found = span === undefined ? undefined : JSON.parse(textOf(text, span));
          expect(found).toEqual(valueAt(value, path));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("gives no answer, or one inside the text, to whatever is no JSON", () => {
    const pieces = fc.constantFrom(
      '{"id":',
      '{"params":{',
      '"',
      "\\",
      "}",
      "]",
      "[",
      ",",
      ":",
      "1",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 20 }), (parts) => {
        const found = find(parts.join(""));
        if ("problem" in found) return;
        for (const span of Object.values(found)) {
          expect(span.start).toBeLessThan(span.end);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ["twice", '{"id":1,"id":2}', "id"],
    ["twice, once in escapes", String.raw`{"id":1,"\u0069d":2}`, "id"],
    ["beside the same in capitals", '{"ID":1,"id":2}', "id"],
    ["beside the same with a long s", '{"params":{},"param\u017f":{}}', "params"],
    ["twice further in", '{"params":{"requestId":1,"a":[],"requestId":1}}', "requestId"],
  ])("refuses a member that is there %s", (_how, text, name) => {
    expect(find(text)).toEqual({ problem: `has the member ${name} twice` });
  });

  test.each([
    ["in the values of other members", '{"a":{"id":1,"id":2},"id":3}', "3"],
    ["in a string", String.raw`{"a":"\"id\":1,\\","id":3}`, "3"],
    ["alone and in capitals", '{"ID":1}', undefined],
    ["where a path goes through an array", '{"id":3,"params":[{"requestId":1}]}', "3"],
  ])("does not mind its name %s", (_where, text, id) => {
    const span = spansIn(text)["id"];
    expect(span && textOf(text, span)).toBe(id);
  });

  test.each(["", "[]", "1", '{"id":1', '{"id"}', '{"id":}', '{"id":1,}', '{"a":"\\"}', '{"a":[}'])(
    "refuses %p, which is no complete object",
    (text) => {
      expect(find(text)).toHaveProperty("problem");
    },
  );

  test.each([
    ["one string", `"${"x".repeat(20e6)}"`],
    ["escaped quotes", `"${'\\"ab'.repeat(5e6)}"`],
    ["backslashes", `"${"\\\\".repeat(1e7)}"`],
    ["small objects", `[${'{"name":"abc","v":12.5},'.repeat(850_000)}1]`],
    ["brackets", `${"[".repeat(1e7)}${"]".repeat(1e7)}`],
  ])("steps over 20 MB of %s", (_what, value) => {
    const text = Buffer.from(`{"result":{"a":${value}},"id":7}`).toString();
    const span = spansIn(text)["id"];
    expect(span && textOf(text, span)).toBe("7");
  });
});

describe("replaceSpans", () => {
  test("changes the members that it is given and not one character else", () => {
    const text =
      '{ "big": 9007199254740993, "id" : 1,\t"params":{"x":1.0,"_meta":{"progressToken":"t"}}}';
    const { id, token } = spansIn(text);
    if (id === undefined || token === undefined) throw new Error("both are there");
    const replacements = [
      { span: token, by: '"g7"' },
      { span: id, by: '"g7"' },
    ];
    expect(replaceSpans(text, replacements)).toBe(
      '{ "big": 9007199254740993, "id" : "g7",\t"params":{"x":1.0,"_meta":{"progressToken":"g7"}}}',
    );
  });

  test("gives the object in which just these members differ", () => {
    fc.assert(
      fc.property(objects(), styles(), (value, style) => {
        const text = write(value, style);
        const id = spansIn(text)["id"];
        if (id === undefined) return;
        const replaced = JSON.parse(replaceSpans(text, [{ span: id, by: '"new"' }]));
        expect(replaced).toEqual({ ...value, id: "new" });
      }),
    );
  });
});

describe("insertMember", () => {
  test.each([
    ["{}", '{"a b":1}'],
    ["{ }", '{"a b":1 }'],
    ['{"c":2}', '{"a b":1,"c":2}'],
  ])("gives %p one member more", (text, expected) => {
    expect(insertMember(text, { start: 0, end: text.length }, "a b", "1")).toBe(expected);
  });
});

function spansIn(text: string): { readonly [member: string]: Span | undefined } {
  const found = find(text);
  if ("problem" in found) throw new Error(`${text.slice(0, 200)} ${found.problem}`);
  return found;
}

function valueAt(value: unknown, path: MemberPath): unknown {
  return path.reduce<unknown>(
    (inside, name) =>
      typeof inside === "object" && inside !== null && !Array.isArray(inside)
        ? (inside as Record<string, unknown>)[name]
        : undefined,
    value,
  );
}

/** Objects that are likely to have the members looked for, at the right and at wrong depths. */
function objects(): fc.Arbitrary<Record<string, unknown>> {
  const name = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...NAMES) }, fc.string());
  const { object } = fc.letrec<{ value: unknown; object: Record<string, unknown> }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.string({ unit: "binary" }),
      fc.constantFrom('a"b\\', "\\\\", '{"id":1}', 9_007_199_254_740_991, 1e300, -0.5, true, null),
      fc.array(tie("value"), { maxLength: 3 }),
      tie("object"),
    ),
    object: fc
      .uniqueArray(fc.tuple(name, tie("value")), {
        maxLength: 5,
        selector: ([key]) => key.toLowerCase(),
      })
      .map((entries) => Object.fromEntries(entries.filter(([key]) => key !== "__proto__"))),
  }));
  return object;
}

interface Style {
  readonly spaces: readonly string[];
  readonly escapes: readonly boolean[];
}

function styles(): fc.Arbitrary<Style> {
  return fc.record({
    spaces: fc.array(fc.constantFrom("", "", " ", "\n", "\r\n", "\t "), {
      minLength: 1,
      maxLength: 7,
    }),
    escapes: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
  });
}

/** The value as JSON, with spaces wherever they may stand and some characters of names as escapes. */
function write(value: unknown, style: Style): string {
  let turn = 0;
  const space = () => style.spaces[turn++ % style.spaces.length];
  const nameOf = (name: string) => {
    const escape = style.escapes[turn % style.escapes.length] && /^[a-zA-Z]/.test(name);
    const code = name.charCodeAt(0).toString(16).padStart(4, "0");
    return escape ? `"\\u${code}${JSON.stringify(name.slice(1)).slice(1)}` : JSON.stringify(name);
  };
  const text = (inside: unknown): string => {
    if (Array.isArray(inside))
      return `[${space()}${inside.map(text).join(`${space()},${space()}`)}]`;
    if (typeof inside !== "object" || inside === null) return JSON.stringify(inside);
    const members = Object.entries(inside).map(
      ([name, member]) => `${space()}${nameOf(name)}${space()}:${space()}${text(member)}${space()}`,
    );
    return `{${members.join(",")}${space()}}`;
  };
  return space() + text(value) + space();
}
