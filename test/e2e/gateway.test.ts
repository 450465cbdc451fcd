// The compiled runner in front of servers that do not serve PORT by themselves: real servers from npm, real clients.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { layoutFiles, writeFiles } from "../support/disk-image.ts";
import { buildEverythingImage } from "../support/everything-image.ts";
import { buildImage } from "../support/image-builder.ts";
import { ORDINARY_USER, otherUserProblem, runModeProblem } from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { connectTo, freePort, startRunner, type StartedRunner } from "../support/runner.ts";
import { tempDir } from "../support/temp-dir.ts";

const RUN_MS = 40_000;
const isRoot = process.getuid?.() === 0;
const problem = programProblem("node", "busybox") ?? runModeProblem();
const registered = unless(problem);

const images = tempDir();
const image = (name: string) => `oci:${images.path}/${name}`;

beforeAll(async () => {
  if (problem !== undefined) return;
  const built = {
    stdio: await buildEverythingImage("stdio"),
    silent: await buildEverythingImage("silent"),
    exposed: await buildEverythingImage("silent", { ExposedPorts: { "8123/tcp": {} } }),
    http: await buildEverythingImage("http"),
    mute: buildImage({
      layers: [[{ path: "bin/busybox", source: Bun.which("busybox") ?? "", mode: 0o755 }]],
      config: { Entrypoint: ["/bin/busybox", "sh", "-c", "echo no such database >&2; exit 3"] },
    }),
    chatty: buildImage({
      layers: [[{ path: "bin/busybox", source: Bun.which("busybox") ?? "", mode: 0o755 }]],
      config: { Entrypoint: ["/bin/busybox", "sh", "-c", CHATTY_SERVER] },
    }),
  };
  for (const [name, one] of Object.entries(built)) {
    writeFiles(images.file(name), layoutFiles({ image: one }));
  }
  chmodSync(images.path, 0o755);
}, RUN_MS);

afterAll(() => images[Symbol.dispose]());

async function startOn(
  name: string,
  environment: Readonly<Record<string, string>> = {},
  user?: number,
): Promise<{ readonly runner: StartedRunner; readonly port: number }> {
  const port = freePort();
  const runner = await startRunner({
    environment: {
      IMAGE: image(name),
      PORT: String(port),
      SERVER_TRANSPORT: "auto",
      ...environment,
    },
    ...(user === undefined ? {} : { user }),
  });
  return { runner, port };
}

async function sumBy(client: Awaited<ReturnType<typeof connectTo>>): Promise<string> {
  const { content } = await client.callTool({ name: "get-sum", arguments: { a: 2, b: 40 } });
  return JSON.stringify(content);
}

describe("an image of which nothing is known", () => {
  registered(
    "that speaks on its standard streams is served to two clients, each with a process of its own",
    async () => {
      const { runner, port } = await startOn("stdio");
      await using _ = runner;
      const [one, other] = await Promise.all([connectTo(port, runner), connectTo(port, runner)]);
      expect(await sumBy(one)).toContain("42");
      expect(await sumBy(other)).toContain("42");
      expect(serversBelow(runner).length).toBeGreaterThanOrEqual(2);
      await Promise.all([one.close(), other.close()]);

      runner.process.kill("SIGTERM");
      const { status, stderr, left } = await runner.end();
      expect(stderr).toContain("the server answers on its standard input and output");
      expect(status).toBe(0);
      expect(left).toEqual([]);
    },
    RUN_MS,
  );

  registered(
    "that listens where PORT says is led to",
    async () => {
      const { runner, port } = await startOn("silent");
      await using _ = runner;
      const client = await connectTo(port, runner);
      expect(await sumBy(client)).toContain("42");
      await client.close();
      runner.process.kill("SIGTERM");
      const { status, stderr } = await runner.end();
      expect(stderr).toContain("the server listens where it is told to");
      expect(stderr).not.toContain("EADDRINUSE");
      expect(status).toBe(0);
    },
    RUN_MS,
  );

  registered(
    "that does neither is explained",
    async () => {
      const { runner } = await startOn("mute", { START_TIMEOUT: "5" });
      await using _ = runner;
      const { status, stderr, left } = await runner.end();
      expect(stderr).toContain("no such database");
      expect(stderr).toContain(
        "it exited with status 3 instead of answering to initialize [SERVER_UNREACHABLE]",
      );
      expect(stderr).toMatch(/hint: .* arguments after `--`, variables as MCP_ENV_NAME/);
      expect(status).toBe(125);
      expect(left).toEqual([]);
    },
    RUN_MS,
  );
});

registered(
  "a server that writes its log to stdout is served, and the log says once why it should not",
  async () => {
    const { runner, port } = await startOn("chatty", { SERVER_TRANSPORT: "stdio" });
    await using _ = runner;
    for (const client of [await connectTo(port, runner), await connectTo(port, runner)]) {
      await client.ping();
      await client.close();
    }
    await untilAnswered(async () => {
      const health = await fetch(`http://127.0.0.1:${port}/health`);
      if (health.status !== 200) throw new Error("it has not been asked yet");
      return health;
    }, runner);
    runner.process.kill("SIGTERM");
    const { stderr } = await runner.end();
    expect(stderr.match(/what is no MCP message/g)).toHaveLength(1);
    expect(stderr).toMatch(/^fastmcp-runner: server \d+, stdout: Server started$/m);
    expect(stderr).toContain(`the server answers at http://localhost:${port}/mcp name=chatty`);
  },
  RUN_MS,
);

registered(
  "a name that is not the server's is refused, and told in the log once",
  async () => {
    const { runner, port } = await startOn("stdio");
    await using _ = runner;
    const ask = () =>
      fetch(`http://127.0.0.1:${port}/mcp`, { headers: { host: "mcp.example.com" } });
    expect((await untilAnswered(ask, runner)).status).toBe(403);
    expect((await ask()).status).toBe(403);
    runner.process.kill("SIGTERM");
    const { stderr } = await runner.end();
    expect(
      stderr.match(/warn: a request was refused: .*ALLOWED_HOSTS=mcp\.example\.com/g),
    ).toHaveLength(1);
  },
  RUN_MS,
);

registered(
  "a server with a port of its own is led to, and its end is nobody's end",
  async () => {
    const { runner, port } = await startOn("exposed");
    await using _ = runner;
    const client = await connectTo(port, runner);
    expect(await sumBy(client)).toContain("42");
    const [server] = serversBelow(runner);
    process.kill(Number(server), "SIGKILL");
    const again = await connectTo(port, runner);
    expect(await sumBy(again)).toContain("42");
    await again.close();
  },
  RUN_MS,
);

registered(
  "a server that reads PORT is handed the port, and the runner is gone",
  async () => {
    const { runner, port } = await startOn("http");
    await using _ = runner;
    const client = await connectTo(port, runner);
    expect(await sumBy(client)).toContain("42");
    await client.close();
    expect(readFileSync(`/proc/${runner.process.pid}/comm`, "utf8")).toMatch(/node|MainThread/);
  },
  RUN_MS,
);

registered(
  "a server that reads PORT stays behind the runner where clients need a token",
  async () => {
    const { runner, port } = await startOn("http", { AUTH_TOKEN: "canary-8c1f0a77" });
    await using _ = runner;
    const ask = (headers: Record<string, string>) =>
      fetch(`http://127.0.0.1:${port}/mcp`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          ...headers,
        },
        body: INITIALIZE,
      });
    const answered = await untilAnswered(
      () => ask({ authorization: "Bearer canary-8c1f0a77" }),
      runner,
    );
    expect(answered.status).toBe(200);
    expect((await ask({})).status).toBe(401);
    expect((await ask({ authorization: "Bearer wrong" })).status).toBe(401);
    const servers = serversBelow(runner);
    for (const pid of [runner.process.pid, ...servers]) {
      const text = `${readFileSync(`/proc/${pid}/environ`)}${readFileSync(`/proc/${pid}/cmdline`)}`;
      expect(text).not.toContain("canary-8c1f0a77");
    }
    runner.process.kill("SIGTERM");
    const { stdout, stderr } = await runner.end();
    expect(stdout + stderr).not.toContain("canary-8c1f0a77");
  },
  RUN_MS,
);

registered(
  "the port is open at once, and the health path tells what happens until the server answers",
  async () => {
    const { runner, port } = await startOn("stdio", { HEALTHCHECK_PATH: "/healthz" });
    await using _ = runner;
    const health = () => fetch(`http://127.0.0.1:${port}/healthz`);
    const first = await untilAnswered(health, runner);
    expect(first.status).toBe(503);
    expect(await first.json()).toMatchObject({ status: "starting", stage: expect.any(String) });
    let last = first;
    while (last.status !== 200) {
      await Bun.sleep(20);
      last = await health();
    }
    expect(await last.json()).toMatchObject({ status: "ok" });
  },
  RUN_MS,
);

registered(
  "nothing of the server is left when the runner is killed",
  async () => {
    const { runner, port } = await startOn("stdio");
    await using _ = runner;
    const client = await connectTo(port, runner);
    expect(await sumBy(client)).toContain("42");
    const servers = serversBelow(runner);
    expect(servers.length).toBeGreaterThan(0);
    runner.process.kill("SIGKILL");
    await runner.process.exited;
    while (servers.some(isAlive)) await Bun.sleep(10);
  },
  RUN_MS,
);

registered(
  "a start that failed is told on the page's path and by the health path, where that is wished",
  async () => {
    const { runner, port } = await startOn("mute", { START_TIMEOUT: "3", START_FAILURE: "page" });
    await using _ = runner;
    const health = () => fetch(`http://127.0.0.1:${port}/health`);
    let answer: { status?: string } = {};
    while (answer.status !== "failed") {
      answer = (await (await untilAnswered(health, runner)).json()) as { status?: string };
      await Bun.sleep(20);
    }
    expect(answer).toMatchObject({ code: "SERVER_UNREACHABLE", hint: expect.any(String) });
    runner.process.kill("SIGTERM");
    expect((await runner.end()).status).toBe(125);
  },
  RUN_MS,
);

test("a port that is taken is told before anything is pulled", async () => {
  using taken = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data() {} } });
  await using runner = await startRunner({
    environment: {
      IMAGE: "registry.invalid/x",
      PORT: String(taken.port),
      SERVER_TRANSPORT: "stdio",
    },
  });
  const { status, stderr } = await runner.end();
  expect(stderr).toContain("[PORT_UNAVAILABLE]");
  expect(status).toBe(125);
});

unless(problem, isRoot ? (otherUserProblem() ?? runModeProblem(ORDINARY_USER)) : undefined)(
  "an ordinary user's server on its standard streams is served as well",
  async () => {
    const { runner, port } = await startOn("stdio", {}, isRoot ? ORDINARY_USER : undefined);
    await using _ = runner;
    const client = await connectTo(port, runner);
    expect(await sumBy(client)).toContain("42");
    await client.close();
    runner.process.kill("SIGTERM");
    expect((await runner.end()).status).toBe(0);
  },
  RUN_MS,
);

// A server on stdio in a shell: it greets, and knows no other method.
const CHATTY_SERVER = `echo Server started
while read -r line; do
  id=$(echo "$line" | /bin/busybox sed -n 's/.*"id":\\([^,}]*\\).*/\\1/p')
  [ -n "$id" ] || continue
  case "$line" in
    *'"initialize"'*) result='"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"chatty","version":"1"}' ;;
    *'"ping"'*) result= ;;
    *) echo '{"jsonrpc":"2.0","id":'"$id"',"error":{"code":-32601,"message":"unknown"}}'; continue ;;
  esac
  echo '{"jsonrpc":"2.0","id":'"$id"',"result":{'"$result"'}}'
done`;

const INITIALIZE = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "t", version: "1" },
  },
});

async function untilAnswered(
  ask: () => Promise<Response>,
  runner: StartedRunner,
): Promise<Response> {
  for (;;) {
    try {
      return await ask();
    } catch {
      if (runner.process.exitCode !== null) throw new Error((await runner.end()).stderr);
      await Bun.sleep(10);
    }
  }
}

/** The processes below the runner. */
function serversBelow(runner: StartedRunner): readonly string[] {
  const parents = new Map(
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => [pid, parentOf(pid)] as const),
  );
  const isBelow = (pid: string): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === String(runner.process.pid) || isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}

function parentOf(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
  } catch {
    return undefined;
  }
}

function isAlive(pid: string): boolean {
  return existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
}
