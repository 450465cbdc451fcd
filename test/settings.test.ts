import { describe, expect, test } from "bun:test";
import {
  hostEnvironmentOf,
  nameOf,
  readSettings,
  serverEnvironmentOf,
  type SettingSources,
} from "../src/read-settings.ts";
import { SETTINGS, type SettingName } from "../src/settings.ts";

const sources = (given: Partial<SettingSources>): SettingSources => ({
  image: undefined,
  flags: {},
  environment: {},
  ...given,
});

const messageFor = (name: SettingName, environment: Record<string, string>): string | undefined =>
  readSettings([name], sources({ environment })).problems[0]?.message;

describe("precedence", () => {
  const environment = { PORT: "1000" };

  test("a flag beats the environment", () => {
    const { settings } = readSettings(["port"], sources({ flags: { port: "2000" }, environment }));
    expect(settings).toEqual({ port: 2000 });
  });

  test("the environment beats the fallback", () => {
    const { settings } = readSettings(
      ["mcpTransport"],
      sources({ environment: { MCP_TRANSPORT: "stdio" } }),
    );
    expect(settings).toEqual({ mcpTransport: "stdio" });
  });

  test("an empty variable is an unset one", () => {
    const { settings, problems } = readSettings(
      ["port", "mcpTransport"],
      sources({ environment: { PORT: "", MCP_TRANSPORT: "" } }),
    );
    expect({ settings, problems }).toEqual({
      settings: { port: undefined, mcpTransport: "streamable-http" },
      problems: [],
    });
  });

  test("the argument beats IMAGE", () => {
    const { settings } = readSettings(
      ["image"],
      sources({ image: "a/b:1", environment: { IMAGE: "c/d:2" } }),
    );
    expect(settings.image).toMatchObject({ reference: { repository: "a/b", tag: "1" } });
  });
});

describe("refusals", () => {
  test.each([
    ["port", { PORT: "0" }, '--port / PORT must be a whole number from 1 to 65535, not "0"'],
    [
      "port",
      { PORT: "65536" },
      '--port / PORT must be a whole number from 1 to 65535, not "65536"',
    ],
    ["port", { PORT: "80a" }, '--port / PORT must be a whole number from 1 to 65535, not "80a"'],
    ["port", { PORT: "-1" }, '--port / PORT must be a whole number from 1 to 65535, not "-1"'],
    [
      "mcpTransport",
      { MCP_TRANSPORT: "http" },
      '--mcp-transport / MCP_TRANSPORT must be one of streamable-http, sse, stdio, not "http"',
    ],
    [
      "mcpPath",
      { MCP_PATH: "mcp" },
      '--mcp-path / MCP_PATH must be a path that starts with /, such as /mcp, not "mcp"',
    ],
    [
      "workDirectory",
      { WORK_DIR: "here" },
      '--work-dir / WORK_DIR must be an absolute path, not "here"',
    ],
    [
      "mcpHost",
      { MCP_HOST: "a b" },
      '--mcp-host / MCP_HOST must be an address or a host name, such as 0.0.0.0, not "a b"',
    ],
    [
      "registryTimeout",
      { REGISTRY_TIMEOUT: "soon" },
      '--registry-timeout / REGISTRY_TIMEOUT must be a whole number from 1 to 3600, not "soon"',
    ],
  ] as const)("%s from %o is told by flag and variable", (name, environment, message) => {
    expect(messageFor(name, environment)).toBe(message);
  });

  test("control characters in a value become visible", () => {
    expect(messageFor("port", { PORT: "\u001b[2J" })).toContain('not "\\x1b[2J"');
  });

  test("a malformed reference has a code of its own", () => {
    const { problems } = readSettings(["image"], sources({ image: "UPPER/case" }));
    expect(problems.map(({ code }) => code)).toEqual(["REFERENCE_INVALID"]);
  });

  test("every problem is found at once", () => {
    const { problems } = readSettings(
      ["port", "mcpTransport", "runMode"],
      sources({ environment: { PORT: "x", MCP_TRANSPORT: "x", RUN_MODE: "x" } }),
    );
    expect(problems.map(({ setting }) => setting)).toEqual(["port", "mcpTransport", "runMode"]);
  });
});

describe("the table", () => {
  const rows = Object.entries(SETTINGS) as [
    SettingName,
    { env?: string; flag?: string; secret?: true; about: string },
  ][];

  test("a secret has no flag", () => {
    const secretFlags = rows.filter(([, row]) => row.secret && row.flag !== undefined);
    expect(secretFlags).toEqual([]);
  });

  test("variables and flags are unique, and a flag is its variable in small letters or has none", () => {
    const names = rows
      .flatMap(([, { env, flag }]) => [env, flag])
      .filter((name) => name !== undefined);
    expect(new Set(names).size).toBe(names.length);
  });

  test("messages call a setting by flag and variable", () => {
    expect([
      nameOf("port"),
      nameOf("registryPassword"),
      nameOf("image"),
      nameOf("destination"),
    ]).toEqual(["--port / PORT", "REGISTRY_PASSWORD", "IMAGE", "--to"]);
  });
});

test("the server's variables lose their prefix, and a bare prefix is nobody's", () => {
  const environment = { MCP_ENV_KEY: "v", MCP_ENV_: "x", MCP_ENV_EMPTY: "", OTHER: "o" };
  expect(serverEnvironmentOf(environment)).toEqual({ KEY: "v", EMPTY: "" });
});

test("programs that the runner starts see no variable that is not theirs", () => {
  const environment = {
    PATH: "/bin",
    https_proxy: "http://p",
    REGISTRY_PASSWORD: "s",
    IMAGE: "i",
    X: "x",
  };
  expect(hostEnvironmentOf(environment)).toEqual({ PATH: "/bin", https_proxy: "http://p" });
});

test("credential helpers see what keyrings and clouds need, and no setting of the runner's", () => {
  const helped = {
    DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/bus",
    XDG_DATA_HOME: "/data",
    PASSWORD_STORE_DIR: "/pass",
    AWS_PROFILE: "p",
    GOOGLE_APPLICATION_CREDENTIALS: "/key.json",
  };
  const others = { REGISTRY_USER: "u", MCP_ENV_AWS_PROFILE: "x", MY_DISPLAY: ":0", AWS: "x" };
  expect(hostEnvironmentOf({ ...helped, ...others })).toEqual(helped);
});
