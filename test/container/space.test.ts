// The template of a Hugging Face Space, built as it is and started as a Space is: as user 1000 without capabilities,
// with what its settings say in the environment and nothing else.

import { beforeAll, describe, expect } from "bun:test";
import { join } from "node:path";
import { buildImage } from "../support/image-builder.ts";
import { startLoopbackRegistry } from "../support/loopback-registry.ts";
import { AS_USER, podman, podmanMust } from "../support/podman.ts";
import {
  BUILD_MS,
  RUNNER_IMAGE,
  buildRunnerImage,
  canRunContainers,
  needsContainers,
} from "../support/runner-image.ts";
import { busyboxFiles } from "../support/runtime-files.ts";

const DIRECTORY = join(import.meta.dir, "../../docs/space");
const SPACE = "localhost/fastmcp-runner-space";
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
  "a registry on a port that a Space does not let through is told at once",
  async () => {
    const { stderr } = await startSpace({
      ...OF_THE_SPACE,
      IMAGE: "registry.invalid:5000/server:1",
    });
    expect(stderr).toMatch(
      /^fastmcp-runner: warn: registry\.invalid:5000 is out of reach: this is a Hugging Face Space.*\n.*REGISTRY_UNREACHABLE/m,
    );
  },
);

function startSpace(settings: Readonly<Record<string, string>>) {
  const environment = Object.entries(settings).map(([name, value]) => `--env=${name}=${value}`);
  return podman("run", ...AS_USER, ...environment, SPACE);
}
