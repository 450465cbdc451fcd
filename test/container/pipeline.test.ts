// The pipeline as a whole in the container image: from a registry that wants a password to a running server that is
// the container's process 1, as root under Docker's default rules and as 1000:1000 without capabilities.

import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { buildEverythingImage } from "../support/everything-image.ts";
import { type BuiltImage, buildImage } from "../support/image-builder.ts";
import { startLoopbackRegistry } from "../support/loopback-registry.ts";
import { AS_ROOT, AS_USER, podman, podmanCommand, podmanMust } from "../support/podman.ts";
import { RUNNER_IMAGE, inRunnerContainers } from "../support/runner-image.ts";

const ACCOUNT = { username: "reader", password: "canary-1f0e7d3c" };
const PIPELINE_MS = 60_000;

const containerTest = inRunnerContainers();

describe.each([
  ["root with Docker's default capabilities", AS_ROOT],
  ["1000:1000 without capabilities", AS_USER],
] as const)("as %s", (_, rules) => {
  containerTest(
    "an application that needs only its safe paths becomes process 1",
    async () => {
      await using server = await startContainer(rules, applicationImage());
      expect(await server.text("/health")).toBe("fine\n");

      // The shell ignores SIGQUIT (4) of its own accord; the runner leaves nothing ignored.
      const status = await server.shell("grep -E '^(Uid|Gid|Groups|SigIgn):' /proc/1/status");
      expect(status.replaceAll(/[\t ]+/g, " ")).toBe(
        "Uid: 1000 1000 1000 1000\nGid: 1000 1000 1000 1000\n" +
          `Groups:${rules === AS_ROOT ? "" : " 1000"} \nSigIgn: 0000000000000004\n`,
      );
      expect(await server.shell("tr '\\0' ' ' < /proc/1/cmdline")).toContain("/app/serve");
      // The shell itself has the container's environment; the server must not.
      expect(await server.shell("cat /proc/1/environ /proc/1/cmdline")).not.toContain(
        ACCOUNT.password,
      );
      // A system directory of the image stays out, and so does what the runner made on the way.
      expect(await server.shell("ls -A /etc/of-the-image /tmp 2>/dev/null || true")).toBe(
        "/tmp:\n",
      );

      const health = await podman("exec", server.name, "fastmcp-runner", "healthcheck");
      expect(health.exitCode).toBe(0);
      // The exit status is the server's own, and the signal reached it.
      expect(await server.terminate()).toEqual({ stdout: "the server ends\n", exitCode: 7 });
    },
    PIPELINE_MS,
  );
});

containerTest(
  "as root, an image that needs its whole file system answers an MCP client",
  async () => {
    await using server = await startContainer(AS_ROOT, await buildEverythingImage());
    const client = await server.connect();
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain("get-sum");
    const { content } = await client.callTool({ name: "get-sum", arguments: { a: 2, b: 40 } });
    expect(JSON.stringify(content)).toContain("42");
    await client.close();
    expect(await server.shell("grep -E '^(Name|Uid):' /proc/1/status")).toMatch(
      /^Name:\t(node|MainThread)\nUid:\t1000\t1000\t1000\t1000\n$/,
    );
    const health = await podman("exec", server.name, "fastmcp-runner", "healthcheck");
    expect(health.exitCode).toBe(0);
  },
  PIPELINE_MS,
);

containerTest(
  "as 1000:1000 without capabilities, an image that needs its whole file system answers an MCP client",
  async () => {
    await using server = await startContainer(AS_USER, await buildEverythingImage());
    const client = await server.connect();
    const { content } = await client.callTool({ name: "get-sum", arguments: { a: 2, b: 40 } });
    expect(JSON.stringify(content)).toContain("42");
    await client.close();
    const health = await podman("exec", server.name, "fastmcp-runner", "healthcheck");
    expect(health.exitCode).toBe(0);
    // What leads to the server, which has the same environment; the runner, which stays as process 1, lets nobody read in it.
    const script =
      "cd /proc; for p in [0-9]*; do tr '\\0' ' ' <$p/cmdline | grep -q 'fa[s]tmcp-runner-start' && cat $p/environ; done";
    const environments = await server.shell(`${script} 2>/dev/null; cat 1/environ 2>&1 || true`);
    expect(environments).toContain("MCP_PORT=");
    expect(environments).toContain("1/environ': Permission denied");
    expect(environments).not.toContain(ACCOUNT.password);
    const { exitCode } = await server.terminate();
    expect(exitCode).toBeOneOf([0, 143]);
  },
  PIPELINE_MS,
);

containerTest(
  "as 1000:1000 without capabilities, a mode that nothing here allows is refused with the reasons",
  async () => {
    const { registry, options } = serve(await buildEverythingImage());
    using _ = registry;
    const asked = [...options, "--env=RUN_MODE=userns"];
    const run = await podman("run", ...AS_USER, ...asked, RUNNER_IMAGE);
    expect(run.stdout).toBe("");
    expect(run.stderr).toContain("[RUN_MODE_UNAVAILABLE]");
    expect(run.exitCode).toBe(125);
  },
  PIPELINE_MS,
);

/** A server that busybox alone can be, below /app. */
function applicationImage(): BuiltImage {
  const script = `#!/app/bin/busybox sh
trap 'echo the server ends; exit 7' TERM
/app/bin/busybox httpd -f -p "$PORT" -h /app/www &
wait
`;
  return buildImage({
    layers: [
      [
        { path: "app/bin/busybox", content: readFileSync(Bun.which("busybox") ?? ""), mode: 0o755 },
        { path: "etc/of-the-image", content: "a system file\n" },
      ],
      [
        { path: "app/serve", content: script, mode: 0o755 },
        { path: "app/www/health", content: "fine\n" },
      ],
    ],
    config: { Entrypoint: ["/app/serve"], Env: ["PATH=/app/bin", "PORT=80"] },
  });
}

function serve(image: BuiltImage) {
  const registry = startLoopbackRegistry({
    images: { "team/server:1": image },
    access: { scheme: "basic", account: ACCOUNT },
  });
  const port = freePort();
  const environment = {
    IMAGE: `${registry.host}/team/server:1`,
    PORT: String(port),
    REGISTRY_USER: ACCOUNT.username,
    REGISTRY_PASSWORD: ACCOUNT.password,
  };
  const options = Object.entries(environment).map(([name, value]) => `--env=${name}=${value}`);
  return { registry, port, options };
}

async function startContainer(rules: readonly string[], image: BuiltImage) {
  const { registry, port, options } = serve(image);
  const name = `fastmcp-runner-test-${port}`;
  const run = ["run", `--name=${name}`, ...rules, ...options, RUNNER_IMAGE];
  const child = Bun.spawn(podmanCommand(...run), { stdout: "pipe", stderr: "pipe" });
  const stderr = child.stderr.text();
  const answers = async (path: string): Promise<Response> => {
    for (;;) {
      if (child.exitCode !== null) throw new Error(`the container ended: ${await stderr}`);
      try {
        const answer = await fetch(`http://127.0.0.1:${port}${path}`);
        // What the runner itself answers as long as it has the port.
        if (answer.status !== 503) return answer;
      } catch {
        // Nobody listens, or the runner has just given the port up.
      }
      await Bun.sleep(50);
    }
  };
  return {
    name,
    text: async (path: string) => (await answers(path)).text(),
    shell: (script: string) =>
      podmanMust("exec", "--user=1000:1000", name, "/bin/sh", "-c", script),
    async connect(): Promise<Client> {
      await answers("/mcp");
      const client = new Client({ name: "test", version: "1.0.0" });
      const url = new URL(`http://127.0.0.1:${port}/mcp`);
      await client.connect(new StreamableHTTPClientTransport(url));
      return client;
    },
    async terminate() {
      child.kill("SIGTERM");
      return { stdout: await child.stdout.text(), exitCode: await child.exited };
    },
    async [Symbol.asyncDispose]() {
      registry[Symbol.dispose]();
      if (child.exitCode === null) await podman("kill", name);
      await child.exited;
    },
  };
}

function freePort(): number {
  using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  return server.port;
}
