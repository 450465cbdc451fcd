import { describe, expect, test } from "bun:test";
import { parseCommandLine } from "../src/command-line.ts";
import { COMMANDS } from "../src/commands/commands.ts";
import { RunnerError } from "../src/errors.ts";

function parsed(...argv: string[]) {
  const invocation = parseCommandLine(argv, {});
  if (invocation.kind !== "command") throw new Error(`not a command: ${invocation.kind}`);
  const { command, inputs } = invocation;
  const [name] = Object.entries(COMMANDS).find(([, candidate]) => candidate === command) ?? [];
  const { image, flags, json, serverArguments } = inputs;
  return { name, image, flags, json, serverArguments };
}

function refusal(...argv: string[]): string {
  try {
    parseCommandLine(argv, {});
  } catch (error) {
    if (error instanceof RunnerError && error.code === "INPUT_INVALID") {
      return [error.message, ...error.details].join("\n");
    }
    throw error;
  }
  return "";
}

const nothing = { image: undefined, flags: {}, json: false, serverArguments: [] };

describe("commands", () => {
  test("no argument at all means run", () => {
    expect(parsed()).toEqual({ ...nothing, name: "run" });
  });

  test("an image without a command means run", () => {
    expect(parsed("mcp/fetch", "--port", "80")).toEqual({
      ...nothing,
      name: "run",
      image: "mcp/fetch",
      flags: { port: "80" },
    });
  });

  test("an image may be called as a command is", () => {
    expect(parsed("run", "pull").image).toBe("pull");
  });

  test.each([
    ["before", ["--to", "/x", "img"]],
    ["after", ["img", "--to", "/x"]],
    ["after, with an equals sign,", ["img", "--to=/x"]],
  ])("flags may stand %s the image", (_, argv) => {
    expect(parsed("pull", ...argv)).toMatchObject({ image: "img", flags: { to: "/x" } });
  });

  test("a switch among the settings stands for 1", () => {
    expect(parsed("pull", "--bake", "img", "--to", "/x")).toMatchObject({
      image: "img",
      flags: { bake: "1", to: "/x" },
    });
  });

  test("--json is a switch", () => {
    expect(parsed("inspect", "img", "--json")).toMatchObject({ json: true, image: "img" });
  });
});

describe("what follows --", () => {
  test("belongs to the server, even --help and another --", () => {
    expect(parsed("img", "--", "--help", "--", "--port", "1")).toEqual({
      ...nothing,
      name: "run",
      image: "img",
      serverArguments: ["--help", "--", "--port", "1"],
    });
  });

  test("is refused where no server is started", () => {
    expect(refusal("doctor", "--", "x")).toContain("nothing may follow --");
  });
});

describe("refusals", () => {
  test("an unknown flag is refused and the known ones are named", () => {
    expect(refusal("img", "--prot", "80")).toMatch(
      /^--prot is not a flag of this command; it knows .*--port/,
    );
  });

  test("a short flag is refused", () => {
    expect(refusal("img", "-p", "80")).toContain("-p is not a flag");
  });

  test("the password has no flag", () => {
    expect(refusal("img", "--registry-password", "x")).toContain(
      "--registry-password is not a flag",
    );
  });

  test("a flag of another command is refused", () => {
    expect(refusal("run", "img", "--to", "/x")).toContain("--to is not a flag");
  });

  test("a flag without its value is refused", () => {
    expect(refusal("img", "--port")).toContain("--port needs a value");
  });

  test("a negated flag is refused", () => {
    expect(refusal("img", "--no-port")).not.toBe("");
  });

  test.each(["--no-bake", "--bake=false"])("a switch has no opposite: %s", (flag) => {
    expect(refusal("pull", "img", "--to", "/x", flag)).toBe(
      "--bake is given or left out; it takes no value",
    );
  });

  test("a second argument is refused, with the way to reach the server", () => {
    expect(refusal("img", "more")).toContain(
      '"more" is one argument too many; the server\'s own go after --',
    );
  });

  test("all problems are told at once", () => {
    expect(refusal("img", "--prot", "80", "--mcp-pth=/x", "--port").split("\n")).toHaveLength(4);
  });
});

describe("help", () => {
  test.each([
    [["--help"], undefined],
    [["-h"], undefined],
    [["pull", "--help"], "pull"],
    [["img", "--help"], undefined],
  ] as const)("%j asks for help", (argv, command) => {
    expect(parseCommandLine(argv, {})).toEqual({ kind: "help", command });
  });
});

test("--version is asked for by itself", () => {
  expect(parseCommandLine(["--version"], {})).toEqual({ kind: "version" });
});
