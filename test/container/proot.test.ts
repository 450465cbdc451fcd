// Images that need their whole root where nothing may be mounted and no root changed: as user 1000 without capabilities
// under Docker's seccomp rules, where proot is what `auto` finds, and as root under Docker's defaults.

import { beforeAll, describe, expect } from "bun:test";
import { type ImageConfigInput, buildImage } from "../support/image-builder.ts";
import { startLoopbackRegistry } from "../support/loopback-registry.ts";
import { AS_ROOT, AS_USER, podman } from "../support/podman.ts";
import {
  BUILD_MS,
  RUNNER_IMAGE,
  buildRunnerImage,
  canRunContainers,
  needsContainers,
} from "../support/runner-image.ts";
import {
  busyboxFiles,
  muslFiles,
  nodeFiles,
  pythonFiles,
  venvFiles,
} from "../support/runtime-files.ts";
import type { TarEntry } from "../support/tar-archive.ts";

const START_MS = 60_000;
const containerTest = needsContainers();

beforeAll(async () => {
  if (canRunContainers()) await buildRunnerImage();
}, BUILD_MS);

interface Sample {
  readonly layer: () => readonly TarEntry[];
  readonly config: ImageConfigInput;
  readonly writes: string | RegExp;
}

const NODE_SCRIPT =
  "console.log(process.getuid(), process.cwd(), process.execPath, require('node:fs').existsSync('/var/cache'))";
const PYTHON_SCRIPT = "import ssl, sys, os, edited; print(sys.prefix, os.getuid(), edited.WHERE)\n";
const PYTHON_WRITES = "/app/.venv 1000 /app/src/edited.py\n";

const SAMPLES: Readonly<Record<string, Sample>> = {
  "Node at /usr/local/bin": {
    layer: () => [...nodeFiles(), { path: "app/server.js", content: NODE_SCRIPT }],
    config: { Entrypoint: ["node"], Cmd: ["/app/server.js"], WorkingDir: "/app" },
    writes: "1000 /app /usr/local/bin/node false\n",
  },
  "Python in a virtual environment": {
    layer: () => [...pythonFiles("usr/local"), ...venvFiles("/usr/local/bin")],
    config: { Entrypoint: ["/app/.venv/bin/python", "-c", PYTHON_SCRIPT] },
    writes: PYTHON_WRITES,
  },
  "Python below /root/.local": {
    layer: () => [
      { path: "root/", mode: 0o700 },
      ...pythonFiles("root/.local/python"),
      ...venvFiles("/root/.local/python/bin"),
    ],
    config: { Entrypoint: ["/app/.venv/bin/python", "-c", PYTHON_SCRIPT] },
    writes: PYTHON_WRITES,
  },
  "a static program alone": {
    layer: () => busyboxFiles().slice(0, 1),
    config: { Entrypoint: ["/bin/busybox", "id", "-u"] },
    writes: "1000\n",
  },
  "a program for musl": {
    layer: muslFiles,
    config: { Entrypoint: ["hello", "there"], Env: ["PATH=/usr/bin:/bin"] },
    writes: /^hello from musl\nthere\n/,
  },
  "an entrypoint that is a shell script": {
    layer: () => [
      ...busyboxFiles(),
      { path: "entrypoint.sh", content: '#!/bin/sh\nexec "$@"\n', mode: 0o755 },
    ],
    config: { Entrypoint: ["/entrypoint.sh"], Cmd: ["echo", "well"] },
    writes: "well\n",
  },
  "a User with a home of its own": {
    layer: () => [
      ...busyboxFiles(),
      {
        path: "etc/passwd",
        content: "root:x:0:0::/root:/bin/sh\napp:x:999:999::/srv/app:/bin/sh\n",
      },
      { path: "srv/app/", mode: 0o700, uid: 999, gid: 999 },
    ],
    config: {
      Entrypoint: ["/bin/sh", "-c", 'echo fine >"$HOME/file" && cat /srv/app/file'],
      User: "app",
    },
    writes: "fine\n",
  },
  "links in the place of /bin and /lib": {
    layer: () => [
      { path: "bin", type: "symlink", target: "usr/bin" },
      ...busyboxFiles().map((entry) => ({ ...entry, path: `usr/${entry.path}` })),
    ],
    config: { Entrypoint: ["/bin/sh", "-c", "echo merged"] },
    writes: "merged\n",
  },
};

describe.each([
  ["1000:1000 without capabilities, in mode auto", AS_USER, {}],
  ["root with Docker's default capabilities, in mode proot", AS_ROOT, { RUN_MODE: "proot" }],
] as const)("as %s", (_, rules, environment) => {
  for (const [name, { writes, ...sample }] of Object.entries(SAMPLES)) {
    containerTest(
      name,
      async () => {
        const { stdout, stderr, exitCode } = await runSample(sample, rules, environment);
        expect(stderr).toContain("run mode proot: ");
        if (typeof writes === "string") expect(stdout, stderr).toBe(writes);
        else expect(stdout, stderr).toMatch(writes);
        expect(exitCode).toBe(0);
      },
      START_MS,
    );
  }

  containerTest(
    "on a root file system that is only read, one writable directory is enough",
    async () => {
      const readOnly = [...rules, "--read-only", "--read-only-tmpfs=false", "--tmpfs=/tmp:exec"];
      const { writes, ...sample } = SAMPLES["Node at /usr/local/bin"] as Sample;
      const settings = { ...environment, WORK_DIR: "/tmp" };
      const { stdout, stderr } = await runSample(sample, readOnly, settings);
      expect(stdout, stderr).toBe(String(writes));
    },
    START_MS,
  );
});

async function runSample(
  { layer, config }: Pick<Sample, "layer" | "config">,
  rules: readonly string[],
  environment: Readonly<Record<string, string>>,
) {
  const image = buildImage({ layers: [layer()], config, compression: "none" });
  using registry = startLoopbackRegistry({ images: { "team/server:1": image } });
  const variables = {
    ...environment,
    MCP_TRANSPORT: "stdio",
    IMAGE: `${registry.host}/team/server:1`,
  };
  const settings = Object.entries(variables).map(([key, value]) => `--env=${key}=${value}`);
  return await podman("run", ...rules, ...settings, RUNNER_IMAGE);
}
