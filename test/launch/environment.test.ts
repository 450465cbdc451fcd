import { describe, expect, test } from "bun:test";
import { DEFAULT_PATH, environmentOf } from "../../src/launch/environment.ts";

const SOURCE = {
  imageEnv: [],
  serverEnvironment: {},
  transport: "streamable-http",
  host: "0.0.0.0",
  path: "/mcp",
  port: 7860,
} as const;

describe("environmentOf", () => {
  test("an image without Env gets a PATH and the runner's variables, and nothing else", () => {
    expect(environmentOf(SOURCE)).toEqual({
      PATH: DEFAULT_PATH,
      PORT: "7860",
      HOST: "0.0.0.0",
      MCP_TRANSPORT: "streamable-http",
      MCP_HOST: "0.0.0.0",
      MCP_PORT: "7860",
      MCP_PATH: "/mcp",
      FASTMCP_HOST: "0.0.0.0",
      FASTMCP_PORT: "7860",
      FASTMCP_TRANSPORT: "streamable-http",
      FASTMCP_STREAMABLE_HTTP_PATH: "/mcp",
    });
  });

  test("MCP_ENV_* stands above the image's Env, and the runner's variables above both", () => {
    const environment = environmentOf({
      ...SOURCE,
      imageEnv: [
        ["PATH", "/opt/bin"],
        ["MODE", "image"],
        ["KEPT", "image"],
        ["PORT", "1"],
        ["KEPT", "image, later"],
      ],
      serverEnvironment: { MODE: "user", PORT: "2", FASTMCP_PORT: "3", EMPTY: "" },
    });
    expect(environment).toMatchObject({
      PATH: "/opt/bin",
      MODE: "user",
      KEPT: "image, later",
      PORT: "7860",
      FASTMCP_PORT: "7860",
      EMPTY: "",
    });
  });

  test("over stdio there is no port", () => {
    const names = Object.keys(environmentOf({ ...SOURCE, transport: "stdio" }));
    expect(names.filter((name) => name.includes("PORT"))).toEqual([
      "MCP_TRANSPORT",
      "FASTMCP_TRANSPORT",
    ]);
  });

  test("a variable called __proto__ is a variable", () => {
    const environment = environmentOf({ ...SOURCE, imageEnv: [["__proto__", "x"]] });
    expect(Object.entries(environment)).toContainEqual(["__proto__", "x"]);
  });
});
