// A container that is restarted keeps its root: what the image that ran before has left there must not get in the way
// of the one that runs now, and what its server wrote must stay.

import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { type BuiltImage, buildImage } from "../support/image-builder.ts";
import { startLoopbackRegistry } from "../support/loopback-registry.ts";
import { AS_ROOT, AS_USER, podman, podmanMust } from "../support/podman.ts";
import { RUNNER_IMAGE, inRunnerContainers } from "../support/runner-image.ts";

const containerTest = inRunnerContainers();

const RESTART_MS = 60_000;

describe.each([
  ["root with Docker's default capabilities", AS_ROOT],
  ["1000:1000 without capabilities", AS_USER],
] as const)("as %s", (_, rules) => {
  containerTest(
    "a restarted container runs the new image, and its data stays",
    async () => {
      using registry = startLoopbackRegistry({ images: { "team/app:1": appImage("one") } });
      const name = `fastmcp-runner-restart-${registry.host.replace(/.*:/, "")}`;
      const kept = rules.filter((option) => option !== "--rm");
      const settings = [`--env=IMAGE=${registry.host}/team/app:1`, "--env=MCP_TRANSPORT=stdio"];
      const first = await podman("run", `--name=${name}`, ...kept, ...settings, RUNNER_IMAGE);
      expect(first.stdout).toBe("version one\nbusybox one run\n");

      const same = await podman("start", "--attach", name);
      expect(same.stdout).toBe("version one\nbusybox data one run\n");

      registry.add("team/app:1", appImage("two"));
      const changed = await podman("start", "--attach", name);
      expect(changed.stdout).toBe("version two\nbusybox data run two\n");
      expect(changed.exitCode).toBe(0);
      await podmanMust("rm", "--force", name);
    },
    RESTART_MS,
  );
});

/** Prints its version and what is in its directory, and writes a file of its own there. */
function appImage(version: string): BuiltImage {
  const script = `#!/app/busybox sh
echo "version ${version}"
echo $(/app/busybox ls /app)
echo data > /app/data
`;
  return buildImage({
    layers: [
      [
        { path: "app/busybox", content: readFileSync(Bun.which("busybox") ?? ""), mode: 0o755 },
        { path: "app/run", content: script, mode: 0o755 },
        { path: `app/${version}`, content: version },
      ],
    ],
    config: { Cmd: ["/app/run"] },
  });
}
