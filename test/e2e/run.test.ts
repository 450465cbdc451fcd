// The main job on real parts: a real registry, crane or the built-in client, a real MCP server from npm with its Node,
// and a real MCP client; as root and as an ordinary user.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, readFileSync, readlinkSync } from "node:fs";
import { buildEverythingImage } from "../support/everything-image.ts";
import { type DockerRegistry, startDockerRegistry } from "../support/docker-registry.ts";
import { buildImage } from "../support/image-builder.ts";
import {
  inspectionProblem,
  ORDINARY_USER,
  otherUserProblem,
  runModeProblem,
} from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import {
  connectTo,
  freePort,
  runRunner,
  type StartedRunner,
  startRunner,
} from "../support/runner.ts";
import { tempDir } from "../support/temp-dir.ts";

const ACCOUNT = { username: "reader", password: "canary-of-the-run-test" };
const RUN_MS = 30_000;
const isRoot = process.getuid?.() === 0;
const SERVER_USER = isRoot ? ORDINARY_USER : process.getuid?.();
const SERVER_GROUP = isRoot ? ORDINARY_USER : process.getgid?.();
const partsProblem = programProblem("docker-registry", "node", "busybox");

let registry: DockerRegistry;
// crane may be installed where only its owner may look.
const programs = tempDir();

beforeAll(async () => {
  chmodSync(programs.path, 0o755);
  const crane = Bun.which("crane");
  if (crane !== null) copyFileSync(crane, programs.file("crane"));
  if (partsProblem !== undefined) return;
  registry = await startDockerRegistry({ account: ACCOUNT });
  await registry.push("team/everything:1", await buildEverythingImage());
  await registry.push("team/tools:1", buildToolsImage());
}, RUN_MS);

afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  programs[Symbol.dispose]();
});

const credentials = { REGISTRY_USER: ACCOUNT.username, REGISTRY_PASSWORD: ACCOUNT.password };
const everything = () => ({ ...credentials, IMAGE: `${registry.host}/team/everything:1` });
const tools = () => ({
  ...credentials,
  IMAGE: `${registry.host}/team/tools:1`,
  MCP_TRANSPORT: "stdio",
});

test(
  "a mode that does not work here is refused before anything is pulled",
  async () => {
    const environment = {
      IMAGE: "registry.invalid/server:1",
      RUN_MODE: isRoot ? "userns" : "chroot",
      MCP_TRANSPORT: "stdio",
    };
    const { status, stderr, left } = await runRunner({ environment });
    expect(stderr).toContain("does not work here: ");
    expect(stderr).toContain("[RUN_MODE_UNAVAILABLE]");
    expect(status).toBe(125);
    expect(left).toEqual([]);
  },
  RUN_MS,
);

/** A way to run that this machine offers. */
interface Way {
  readonly name: string;
  readonly user: number | undefined;
  readonly problem: string | undefined;
}

const ROOT: Way = {
  name: "as root",
  user: undefined,
  problem: isRoot ? runModeProblem() : "needs root",
};
const ORDINARY: Way = isRoot
  ? {
      name: "as an ordinary user",
      user: ORDINARY_USER,
      problem: otherUserProblem() ?? runModeProblem(ORDINARY_USER),
    }
  : { name: "as an ordinary user", user: undefined, problem: runModeProblem() };

describe.each([ROOT, ORDINARY])("$name", ({ user, problem }) => {
  const registered = unless(partsProblem, problem);
  const options = (environment: Record<string, string>, ...argv: string[]) => ({
    arguments: argv,
    environment,
    ...(user === undefined ? {} : { user }),
  });

  for (const client of ["crane", "builtin"]) {
    const clientProblem = client === "crane" ? programProblem("crane") : undefined;
    unless(
      partsProblem,
      clientProblem,
      problem,
      isRoot ? inspectionProblem() : undefined,
    )(
      `a server from npm answers an MCP client, pulled with ${client}`,
      async () => {
        const port = freePort();
        const environment = {
          ...everything(),
          PATH: `${programs.path}:${process.env["PATH"]}`,
          PORT: String(port),
          REGISTRY_CLIENT: client,
        };
        await using runner = await startRunner(options(environment));
        const mcp = await connectTo(port, runner);
        const { tools: offered } = await mcp.listTools();
        expect(offered.map(({ name }) => name)).toContain("get-sum");
        const { content } = await mcp.callTool({ name: "get-sum", arguments: { a: 2, b: 40 } });
        expect(JSON.stringify(content)).toContain("42");
        expectBecameServer(runner, "/usr/local/bin/node");
        const health = await runRunner({
          arguments: ["healthcheck"],
          environment: { PORT: String(port) },
        });
        expect({ stdout: health.stdout, status: health.status }).toEqual({
          stdout: "healthy: /mcp speaks MCP\n",
          status: 0,
        });
        await mcp.close();
        runner.process.kill("SIGTERM");
        await runner.process.exited;
      },
      RUN_MS,
    );
  }

  registered(
    "stdin and stdout are the server's, byte for byte",
    async () => {
      const stdin = `${"x".repeat(300_000)}\0\u{1f642}\n`;
      const end = await runRunner({ ...options(tools(), "--", "cat"), stdin });
      expect({ ...end, stderr: "" }).toMatchObject({ stdout: stdin, status: 0 });
    },
    RUN_MS,
  );

  registered(
    "the exit status is the server's",
    async () => {
      const end = await runRunner(options(tools(), "--", "sh", "-c", "exit 42"));
      expect(end.status).toBe(42);
    },
    RUN_MS,
  );

  registered(
    "a signal that ends the server is the runner's end",
    async () => {
      const end = await runRunner(options(tools(), "--", "sh", "-c", "kill -TERM $$"));
      expect(end.status).toBe(143);
    },
    RUN_MS,
  );

  registered(
    "the server's environment is the image's, the caller's and the runner's, and nothing else",
    async () => {
      const environment = {
        ...tools(),
        MCP_ENV_KEY: "value",
        MCP_ENV_LEVEL: "caller",
        MCP_HOST: "127.0.0.1",
      };
      const { stdout } = await runRunner(options(environment, "--", "env"));
      expect(stdout.trim().split("\n").sort()).toEqual([
        "FASTMCP_HOST=127.0.0.1",
        "FASTMCP_STREAMABLE_HTTP_PATH=/mcp",
        "FASTMCP_TRANSPORT=stdio",
        "HOME=/home/tool",
        "HOST=127.0.0.1",
        "KEY=value",
        "LEVEL=caller",
        "MCP_HOST=127.0.0.1",
        "MCP_PATH=/mcp",
        "MCP_TRANSPORT=stdio",
        "PATH=/bin",
      ]);
    },
    RUN_MS,
  );

  registered(
    "arguments after -- are the server's, even --help",
    async () => {
      const { stdout } = await runRunner(options(tools(), "--", "echo", "--help", "--", "$HOME"));
      expect(stdout).toBe("--help -- $HOME\n");
    },
    RUN_MS,
  );

  registered(
    "the working directory of the image is created where it is missing",
    async () => {
      const { stdout } = await runRunner(
        options(tools(), "--", "sh", "-c", "pwd; touch here && echo writable"),
      );
      expect(stdout).toBe("/work/made\nwritable\n");
    },
    RUN_MS,
  );
});

test("the log can be JSON, a line an event", async () => {
  const { stderr } = await runRunner({ environment: { IMAGE: "a", LOG_FORMAT: "json" } });
  expect(JSON.parse(stderr)).toMatchObject({
    level: "error",
    code: "INPUT_INVALID",
    stage: "validate",
    hint: expect.any(String),
  });
});

function expectBecameServer(runner: StartedRunner, program: string): void {
  const directory = `/proc/${runner.process.pid}`;
  expect(readlinkSync(`${directory}/exe`)).toEndWith(program);
  const status = readFileSync(`${directory}/status`, "utf8");
  const ids = (id: number | undefined) => Array(4).fill(id).join("\t");
  expect(status).toContain(`\nUid:\t${ids(SERVER_USER)}\n`);
  expect(status).toContain(`\nGid:\t${ids(SERVER_GROUP)}\n`);
  expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  expect(status).toMatch(/^CapEff:\t0+$/m);
}

function buildToolsImage() {
  const commands = ["sh", "cat", "echo", "env", "touch", "kill"];
  return buildImage({
    layers: [
      [
        { path: "etc/passwd", content: "tool:x:999:999::/home/tool:\n" },
        { path: "home/tool/", uid: 999, gid: 999 },
        { path: "bin/busybox", source: Bun.which("busybox") ?? "", mode: 0o755 },
        ...commands.map((name) => ({
          path: `bin/${name}`,
          type: "symlink" as const,
          target: "busybox",
        })),
      ],
    ],
    config: {
      Cmd: ["sh"],
      Env: ["PATH=/bin", "LEVEL=image"],
      WorkingDir: "/work/made",
      User: "tool",
    },
  });
}
