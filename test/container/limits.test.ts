// What a container gives its processes is the server's: the image's runner is built for musl, with which Bun leaves the
// limit of open files as it is.

import { describe, expect } from "bun:test";
import { buildImage } from "../support/image-builder.ts";
import { startLoopbackRegistry } from "../support/loopback-registry.ts";
import { AS_ROOT, AS_USER, podman } from "../support/podman.ts";
import { RUNNER_IMAGE, inRunnerContainers } from "../support/runner-image.ts";
import { busyboxFiles } from "../support/runtime-files.ts";

const containerTest = inRunnerContainers();

const START_MS = 60_000;
const LIMITS = [
  ["a soft limit below the hard one", "700:2000", "700\n2000\n"],
  ["one limit", "2000:2000", "2000\n2000\n"],
] as const;

describe.each([
  ["UID 1000", AS_USER],
  ["root", AS_ROOT],
] as const)("as %s", (_, rules) => {
  for (const [what, limit, expected] of LIMITS) {
    containerTest(
      `a server may open as many files as its container, with ${what}`,
      async () => {
        const image = buildImage({
          layers: [busyboxFiles()],
          config: { Entrypoint: ["/bin/sh", "-c", "ulimit -Sn; ulimit -Hn"] },
        });
        using registry = startLoopbackRegistry({ images: { "team/server:1": image } });
        const settings = [
          "--env=MCP_TRANSPORT=stdio",
          `--env=IMAGE=${registry.host}/team/server:1`,
        ];
        const own = rules.map((rule) => rule.replace(/^(--ulimit=nofile=).*$/, `$1${limit}`));
        const { stdout, stderr } = await podman("run", ...own, ...settings, RUNNER_IMAGE);
        expect(stdout, stderr).toBe(expected);
      },
      START_MS,
    );
  }
});
