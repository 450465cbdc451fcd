import { describe, expect, test } from "bun:test";
import { commandOf } from "../../src/launch/command.ts";

const CASES = [
  { entrypoint: ["/server"], cmd: [], serverArguments: [], argv: ["/server"] },
  { entrypoint: [], cmd: ["node", "x.js"], serverArguments: [], argv: ["node", "x.js"] },
  { entrypoint: ["node"], cmd: ["x.js"], serverArguments: [], argv: ["node", "x.js"] },
  { entrypoint: ["node"], cmd: ["x.js"], serverArguments: ["--help"], argv: ["node", "--help"] },
  { entrypoint: [], cmd: ["node", "x.js"], serverArguments: ["sh", ""], argv: ["sh", ""] },
];

describe("commandOf", () => {
  for (const [index, { argv, ...source }] of CASES.entries()) {
    test(`case ${index}: ${JSON.stringify(source)}`, () => {
      expect<readonly string[]>(commandOf(source)).toEqual(argv);
    });
  }

  for (const [index, cmd] of [[], [""], ["", "x"]].entries()) {
    test(`nothing to run is refused, case ${index}`, () => {
      expect(() => commandOf({ entrypoint: [], cmd, serverArguments: [] })).toThrow(
        expect.objectContaining({ code: "COMMAND_MISSING", status: 125 }),
      );
    });
  }
});
