// The template of a Hugging Face Space, built as it is and started as a Space is: as user 1000 without capabilities,
// with what its settings say in the environment and nothing else.

import { beforeAll, describe, expect } from "bun:test";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { buildEverythingImage } from "../support/everything-image.ts";
import { buildImage } from "../support/image-builder.ts";
import { startLoopbackRegistry } from "../support/loopback-registry.ts";
import { AS_USER, podman, podmanCommand, podmanMust } from "../support/podman.ts";
import {
  BUILD_MS,
  RUNNER_IMAGE,
  buildRunnerImage,
  canRunContainers,
  needsContainers,
} from "../support/runner-image.ts";
import { freePort } from "../support/runner.ts";
import { busyboxFiles } from "../support/runtime-files.ts";

const DIRECTORY = join(import.meta.dir, "../../docs/space");
const SPACE = "localhost/fastmcp-runner-space";
const TOKEN = "canary-5d0a71c3-of-the-space-test";
const RUN_MS = 60_000;
const ACCOUNT = { username: "reader", password: "canary-of-the-space-test" };

beforeAll(async () => {
  if (!canRunContainers()) return;
  await buildRunnerImage();
  const runner = `--build-arg=RUNNER=${RUNNER_IMAGE}`;
  await podmanMust(
    "build",
    "--isolation=chroot",
    "--pull=never",
    runner,
    `--tag=${SPACE}`,
    DIRECTORY,
  );
}, BUILD_MS);

const containerTest = needsContainers();

/** What Hugging Face tells a container. https://huggingface.co/docs/hub/spaces-overview#built-in-environment-variables */
const OF_THE_SPACE = {
  SPACE_ID: "owner/space",
  SPACE_HOST: "owner-space.hf.space",
  SPACE_AUTHOR_NAME: "owner",
  CPU_CORES: "2",
  MEMORY: "16Gi",
  ACCELERATOR: "none",
};

describe.each([
  // Which of both a server gets is its image's affair: all that it needs is in the safe paths, or it is not.
  ["on the runner's root", "app/", "/app/bin/busybox", "overlay"],
  ["in a root of its own", "", "/bin/busybox", "proot"],
])("a server %s", (_, prefix, busybox, mode) => {
  // HOME is whatever somebody has set.
  for (const HOME of ["/home/mcp", "/root", "/"]) {
    containerTest(`becomes what a Space runs, with HOME=${HOME}`, async () => {
      const image = buildImage({
        layers: [busyboxFiles().map((file) => ({ ...file, path: `${prefix}${file.path}` }))],
        config: {
          Entrypoint: [busybox, "sh", "-c"],
          Cmd: [
            `cd "$HOME" && echo here > file && echo "$PORT $MCP_PATH $KEY"; ${busybox} id -u; ${busybox} env`,
          ],
          WorkingDir: "/app",
          ExposedPorts: { "7860/tcp": {} },
        },
      });
      using registry = startLoopbackRegistry({
        images: { "team/server:1": image },
        access: { scheme: "basic", account: ACCOUNT },
      });
      const run = await startSpace({
        ...OF_THE_SPACE,
        HOME,
        IMAGE: `${registry.host}/team/server:1`,
        REGISTRY_USER: ACCOUNT.username,
        REGISTRY_PASSWORD: ACCOUNT.password,
        MCP_PATH: "/api",
        MCP_ENV_KEY: "of-the-server",
      });
      expect(run.stdout, run.stderr).toStartWith("7860 /api of-the-server\n1000\n");
      expect(run.stderr).toContain(`run mode ${mode}: `);
      expect(`${run.stdout}${run.stderr}`).not.toContain(ACCOUNT.password);
      expect(run.stdout).not.toMatch(/^(?:REGISTRY_|SPACE_|ACCELERATOR)/m);
    });
  }
});

containerTest(
  "a server on stdio is reached over HTTP, by the Space's name and with its token",
  async () => {
    using registry = startLoopbackRegistry({
      images: { "team/everything:1": await buildEverythingImage("stdio") },
    });
    await using space = openSpace({
      ...OF_THE_SPACE,
      IMAGE: `${registry.host}/team/everything:1`,
      AUTH_TOKEN: TOKEN,
    });
    await space.untilHealth("ok");
    const headers = { authorization: `Bearer ${TOKEN}`, host: OF_THE_SPACE.SPACE_HOST };
    const client = new Client({ name: "test", version: "1.0.0" });
    const url = new URL(`${space.url}/mcp`);
    await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
    const { content } = await client.callTool({ name: "get-sum", arguments: { a: 2, b: 40 } });
    expect(JSON.stringify(content)).toContain("42");
    await client.close();

    expect((await fetch(url, { method: "POST", body: "{}" })).status).toBe(401);
    const visit = { headers: { host: OF_THE_SPACE.SPACE_HOST, accept: "text/html" } };
    const page = await fetch(space.url, visit);
    expect(page.status).toBe(200);
    expect(page.headers.get("content-security-policy")).toContain("https://huggingface.co");
    // What the HEALTHCHECK of the image asks, without the token.
    const health = await podman("exec", space.name, "fastmcp-runner", "healthcheck");
    expect(health).toMatchObject({ exitCode: 0, stdout: "healthy: /health answered 200\n" });
    const { stdout, stderr, exitCode } = await space.end();
    expect({ stdout, exitCode }, stderr).toEqual({ stdout: "", exitCode: 0 });
    expect(stderr).toContain("the server answers at https://owner-space.hf.space/mcp ");
    expect(stderr).not.toContain(TOKEN);
  },
  RUN_MS,
);

containerTest(
  "a start that fails, as on a registry that a Space does not let through, is told to visitors",
  async () => {
    await using space = openSpace({ ...OF_THE_SPACE, IMAGE: "registry.invalid:5000/server:1" });
    const health = await space.untilHealth("failed");
    expect(health).toMatchObject({ code: "REGISTRY_UNREACHABLE", hint: expect.any(String) });
    const status = (await (await fetch(`${space.url}/_runner/status`)).json()) as object;
    expect(status).toMatchObject({ state: "failed", failure: { code: "REGISTRY_UNREACHABLE" } });
    const asked = await podman("exec", space.name, "fastmcp-runner", "healthcheck");
    expect(asked.exitCode).toBe(1);
    expect(asked.stdout).toStartWith("unhealthy: /health answered 503: failed, fetch-config, ");
    const { stderr, exitCode } = await space.end();
    expect(exitCode).toBe(125);
    expect(stderr).toMatch(
      /^fastmcp-runner: warn: registry\.invalid:5000 is out of reach: this is a Hugging Face Space.*\n.*REGISTRY_UNREACHABLE/m,
    );
  },
  RUN_MS,
);

type Variables = Readonly<Record<string, string>>;

function startSpace(settings: Variables) {
  return podman(...spaceCommand(settings));
}

function spaceCommand(settings: Variables, options: readonly string[] = []): readonly string[] {
  const environment = Object.entries(settings).map(([name, value]) => `--env=${name}=${value}`);
  return ["run", ...AS_USER, ...options, ...environment, SPACE];
}

/** One that stays, on a port that is free here. */
function openSpace(settings: Variables) {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const name = `fastmcp-runner-space-${port}`;
  const argv = spaceCommand({ ...settings, PORT: String(port) }, [`--name=${name}`]);
  const child = Bun.spawn(podmanCommand(...argv), { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = [child.stdout.text(), child.stderr.text()];
  return {
    url,
    name,
    async untilHealth(status: string): Promise<object> {
      for (;;) {
        if (child.exitCode !== null) throw new Error(`the Space ended: ${await stderr}`);
        const answer = await fetch(`${url}/health`).catch(() => undefined);
        const health = (await answer?.json()) as { status: string } | undefined;
        if (health?.status === status) return health;
        await Bun.sleep(50);
      }
    },
    async end() {
      child.kill("SIGTERM");
      const exitCode = await child.exited;
      return { stdout: await stdout, stderr: await stderr, exitCode };
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) await podman("kill", name);
      await child.exited;
    },
  };
}
