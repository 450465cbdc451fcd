import { describe, expect, test } from "bun:test";
import { parseChallenges } from "../../src/registry/challenge.ts";

describe("parseChallenges", () => {
  const rows: [string, string | null, [string, Record<string, string>][]][] = [
    ["no header", null, []],
    ["an empty header", "", []],
    ["a scheme alone", "Basic", [["basic", {}]]],
    ["Basic with a realm", 'Basic realm="a b"', [["basic", { realm: "a b" }]]],
    [
      "commas inside quotes",
      'Bearer realm="https://x/token",service="x",scope="repository:a/b:pull,push"',
      [["bearer", { realm: "https://x/token", service: "x", scope: "repository:a/b:pull,push" }]],
    ],
    [
      "several challenges in one header",
      'Negotiate, Basic realm="a, b", Bearer realm="r", service=s',
      [
        ["negotiate", {}],
        ["basic", { realm: "a, b" }],
        ["bearer", { realm: "r", service: "s" }],
      ],
    ],
    [
      "names in any case, spaces around =",
      'BEARER Realm = "r" , SERVICE="S"',
      [["bearer", { realm: "r", service: "S" }]],
    ],
    ["escapes inside quotes", 'Basic realm="a\\"b\\\\c"', [["basic", { realm: 'a"b\\c' }]]],
    [
      "a proof in base64 before another challenge",
      "Negotiate YII=, Basic realm=x",
      [
        ["negotiate", { yii: "" }],
        ["basic", { realm: "x" }],
      ],
    ],
    ["an open quote", 'Bearer realm="x', [["bearer", { realm: "" }]]],
    ["a parameter before any scheme", 'realm="x", Basic', [["basic", {}]]],
  ];
  test.each(rows)("reads %s", (_, header, expected) => {
    const challenges = parseChallenges(header);
    expect(
      challenges.map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)] as never),
    ).toEqual(expected as never);
  });

  test("ends on a long and hostile header", () => {
    expect(parseChallenges(`Basic realm="${"\\".repeat(1_000_000)}`)).toHaveLength(1);
    expect(parseChallenges("a=,".repeat(1_000_000))).toHaveLength(0);
  });
});
