// The template of a Hugging Face Space, built as it is and started as a Space is: as user 1000 without capabilities,
// with what its settings say in the environment and nothing else.

import { beforeAll, expect } from "bun:test";
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

needsContainers()("a Space becomes the server of a private image", async () => {
  const image = buildImage({
    layers: [busyboxFiles().map((file) => ({ ...file, path: `app/${file.path}` }))],
    config: {
      Entrypoint: ["/app/bin/busybox", "sh", "-c"],
      Cmd: ['echo "$PORT $MCP_PATH $KEY"; /app/bin/busybox id -u; /app/bin/busybox env'],
    },
  });
  using registry = startLoopbackRegistry({
    images: { "team/server:1": image },
    access: { scheme: "basic", account: ACCOUNT },
  });
  const settings = {
    IMAGE: `${registry.host}/team/server:1`,
    REGISTRY_USER: ACCOUNT.username,
    REGISTRY_PASSWORD: ACCOUNT.password,
    MCP_PATH: "/api",
    MCP_ENV_KEY: "of-the-server",
    SPACE_ID: "owner/space",
  };
  const environment = Object.entries(settings).map(([name, value]) => `--env=${name}=${value}`);
  const run = await podman("run", ...AS_USER, ...environment, SPACE);
  expect(run.stdout, run.stderr).toStartWith("7860 /api of-the-server\n1000\n");
  expect(`${run.stdout}${run.stderr}`).not.toContain(ACCOUNT.password);
  expect(run.stdout).not.toMatch(/^(?:REGISTRY_|SPACE_)/m);
});
