// The cache on a volume, under Docker's default rules: nothing can be mounted there, so that each start has its server
// in a copy of the tree, and the next one finds the tree as it was.

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { buildImage } from "../support/image-builder.ts";
import { startLoopbackRegistry } from "../support/loopback-registry.ts";
import { AS_ROOT, podman } from "../support/podman.ts";
import { RUNNER_IMAGE, inRunnerContainers } from "../support/runner-image.ts";
import { tempDir } from "../support/temp-dir.ts";

const containerTest = inRunnerContainers();

const STARTS_MS = 60_000;

containerTest(
  "as root with Docker's default capabilities, a server writes to a copy of the cached tree",
  async () => {
    using cache = tempDir();
    using registry = startLoopbackRegistry({ images: { "team/server:1": serverImage() } });
    const environment = {
      IMAGE: `${registry.host}/team/server:1`,
      MCP_TRANSPORT: "stdio",
      RUN_MODE: "chroot",
      CACHE_DIR: "/cache",
    };
    const settings = Object.entries(environment).map(([name, value]) => `--env=${name}=${value}`);
    const start = () =>
      podman("run", ...AS_ROOT, `--volume=${cache.path}:/cache`, ...settings, RUNNER_IMAGE);
    const blobs = () => registry.requests.filter(({ path }) => path.includes("/blobs/")).length;

    const first = await start();
    expect(first.stderr).toContain("the server gets a copy of the cached tree");
    expect(first.stdout).toBe("the image's\nthe server's\n");
    expect(first.exitCode).toBe(0);

    const before = blobs();
    const second = await start();
    expect(second.stdout).toBe(first.stdout);
    expect(second.exitCode).toBe(0);
    expect(blobs()).toBe(before);
  },
  STARTS_MS,
);

function serverImage() {
  const script = `#!/bin/busybox sh
/bin/busybox cat /etc/file
echo "the server's" > /etc/file
/bin/busybox cat /etc/file
`;
  return buildImage({
    layers: [
      [
        { path: "bin/busybox", content: readFileSync(Bun.which("busybox") ?? ""), mode: 0o755 },
        { path: "etc/file", content: "the image's\n" },
        { path: "serve", content: script, mode: 0o755 },
      ],
    ],
    config: { Entrypoint: ["/serve"] },
  });
}
