import { describe, expect, test } from "bun:test";
import { RunnerError } from "../../src/errors.ts";
import { type Inputs, validatePull, validateServer } from "../../src/stages/validate.ts";

const inputs = (environment: Record<string, string>, more: Partial<Inputs> = {}): Inputs => ({
  image: undefined,
  flags: {},
  serverArguments: [],
  environment,
  ...more,
});

function failureOf(run: () => unknown): RunnerError {
  try {
    run();
  } catch (error) {
    if (error instanceof RunnerError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

const IMAGE = "ghcr.io/org/server:1.2";

const PORT_MISSING =
  "--port / PORT is required: the port that clients use, such as 7860. Only where --mcp-transport / MCP_TRANSPORT is stdio there is none";

describe("stage 1: validate", () => {
  test("a complete request keeps what belongs to the server apart", () => {
    const request = validateServer(
      inputs({ IMAGE, PORT: "7860", MCP_ENV_KEY: "v" }, { serverArguments: ["--help"] }),
      { portRequired: true },
    );
    expect(request).toMatchObject({
      image: {
        kind: "registry",
        reference: { registry: "ghcr.io", repository: "org/server", tag: "1.2" },
      },
      port: 7860,
      mcpTransport: "streamable-http",
      serverArguments: ["--help"],
      serverEnvironment: { KEY: "v" },
    });
  });

  test("stdio needs no port", () => {
    const request = validateServer(inputs({ IMAGE, MCP_TRANSPORT: "stdio" }), {
      portRequired: true,
    });
    expect(request.port).toBeUndefined();
  });

  test.each([
    [{}, ["IMAGE is required: the image to run, such as ghcr.io/org/server:1.2", PORT_MISSING]],
    [{ IMAGE }, [PORT_MISSING]],
    [{ IMAGE, PORT: "0" }, ['--port / PORT must be a whole number from 1 to 65535, not "0"']],
    [
      { IMAGE, PORT: "1", MCP_PATH: "/metrics" },
      ["--mcp-path / MCP_PATH is /metrics, which is the runner's own"],
    ],
    [
      { IMAGE, PORT: "1", MCP_PATH: "/_runner/mcp" },
      ["--mcp-path / MCP_PATH is /_runner/mcp, which is the runner's own"],
    ],
    [
      { IMAGE, PORT: "1", MCP_PATH: "/x", HEALTHCHECK_PATH: "/x" },
      [
        "--healthcheck-path / HEALTHCHECK_PATH and --mcp-path / MCP_PATH are both /x; give them different paths",
      ],
    ],
    [
      { IMAGE, PORT: "1", MCP_PATH: "/x/../mcp" },
      ['--mcp-path / MCP_PATH must be a path without . and .., not "/x/../mcp"'],
    ],
    [
      { IMAGE, PORT: "1", HEALTHCHECK_PATH: "health" },
      [
        '--healthcheck-path / HEALTHCHECK_PATH must be a path that starts with /, such as /mcp, not "health"',
      ],
    ],
    [
      { IMAGE, PORT: "1", REGISTRY_USER: "me" },
      [
        "--registry-user / REGISTRY_USER is set but neither REGISTRY_PASSWORD nor --registry-password-file / REGISTRY_PASSWORD_FILE is; give both or neither",
      ],
    ],
    [
      { IMAGE, PORT: "1", REGISTRY_PASSWORD: "hunter2" },
      ["REGISTRY_PASSWORD is set but --registry-user / REGISTRY_USER is not; give both or neither"],
    ],
    [
      {
        IMAGE,
        PORT: "1",
        REGISTRY_USER: "me",
        REGISTRY_PASSWORD: "hunter2",
        REGISTRY_PASSWORD_FILE: "/f",
      },
      [
        "REGISTRY_PASSWORD and --registry-password-file / REGISTRY_PASSWORD_FILE are both set; give one of them",
      ],
    ],
    [
      { IMAGE, PORT: "1", PULL_POLICY: "never" },
      ["--pull-policy / PULL_POLICY is never, and nothing is kept without --cache-dir / CACHE_DIR"],
    ],
    [
      { IMAGE, PORT: "1", PULL_POLICY: "never", CACHE_DIR: "cache" },
      ['--cache-dir / CACHE_DIR must be an absolute path, not "cache"'],
    ],
  ])("%o is refused with every problem", (environment, messages) => {
    const failure = failureOf(() => validateServer(inputs(environment), { portRequired: true }));
    const told = failure.details.length > 0 ? failure.details : [failure.message];
    expect({ told, status: failure.status, stage: failure.stage }).toEqual({
      told: messages,
      status: 2,
      stage: "validate",
    });
  });

  test("a reference that is the only problem keeps its own code", () => {
    const failure = failureOf(() =>
      validateServer(inputs({ IMAGE: "https://ghcr.io/org/server", PORT: "1" }), {
        portRequired: true,
      }),
    );
    expect(failure.code).toBe("REFERENCE_INVALID");
  });

  test("pull names every problem at once, the missing destination too", () => {
    const failure = failureOf(() => validatePull(inputs({ PLATFORM: "x" })));
    expect(failure.details).toEqual([
      expect.stringContaining("IMAGE is required"),
      expect.stringContaining("--platform / PLATFORM"),
      "--to is required",
    ]);
  });

  test("no message holds the password, whatever else is wrong", () => {
    const environment = { IMAGE: "A", PORT: "0", REGISTRY_PASSWORD: "hunter2-canary" };
    const failure = failureOf(() => validateServer(inputs(environment), { portRequired: true }));
    expect(JSON.stringify([failure.message, failure.details, failure.stack])).not.toContain(
      "canary",
    );
  });
});
