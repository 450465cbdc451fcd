// The last resort in the strictest place: user 1000 without capabilities, under Docker's seccomp rules, in a container
// that has musl and nothing of what the images are built on.

import { describe, expect } from "bun:test";
import { type ImageConfigInput, buildImage } from "../support/image-builder.ts";
import { startLoopbackRegistry } from "../support/loopback-registry.ts";
import { AS_ROOT, AS_USER, podman } from "../support/podman.ts";
import { RUNNER_IMAGE, inRunnerContainers } from "../support/runner-image.ts";
import { busyboxFiles, muslFiles, nodeFiles } from "../support/runtime-files.ts";
import type { TarEntry } from "../support/tar-archive.ts";

const containerTest = inRunnerContainers();

const START_MS = 60_000;

interface Sample {
  readonly layer: () => readonly TarEntry[];
  readonly config: ImageConfigInput;
  /** What it writes to stdout, or what is said instead. */
  readonly writes?: RegExp;
  readonly refused?: RegExp;
}

const ROOT = String.raw`/var/cache/fastmcp-runner/run-[-\w]+/rootfs`;

/** What the table of places does not hold: the process that the server is, and what is refused. */
const SAMPLES: Readonly<Record<string, Sample>> = {
  "a server is process 1, in its working directory": {
    layer: () => [
      ...nodeFiles(),
      { path: "app/server.js", content: "console.log(process.pid, process.cwd())" },
    ],
    config: { Entrypoint: ["node"], Cmd: ["/app/server.js"], WorkingDir: "/app" },
    writes: new RegExp(`^1 ${ROOT}/app\n$`),
  },
  "a path among the arguments leads to the image's file": {
    layer: muslFiles,
    config: { Entrypoint: ["hello", "/usr/bin"], Env: ["PATH=/usr/bin:/bin"] },
    writes: new RegExp(`^hello from musl\n${ROOT}/usr/bin\n`),
  },
  "an entrypoint that is a shell script with work to do": {
    layer: () => [
      ...busyboxFiles(),
      { path: "entrypoint.sh", content: '#!/bin/sh\nexport X=1\nexec "$@"\n', mode: 0o755 },
    ],
    config: { Entrypoint: ["/entrypoint.sh"], Cmd: ["echo"] },
    refused: /\/entrypoint\.sh is a script, and \/bin\/sh is a shell/,
  },
};

const LOADER = { MCP_TRANSPORT: "stdio", RUN_MODE: "loader" };

describe.each([
  ["1000:1000 without capabilities", AS_USER],
  ["root with Docker's default capabilities", AS_ROOT],
] as const)("in loader mode, as %s", (_, rules) => {
  for (const [name, { writes, refused, ...sample }] of Object.entries(SAMPLES)) {
    containerTest(
      name,
      async () => {
        const run = await runSample(sample, rules, LOADER);
        expect(run.stderr).toContain("nothing separates the server from this machine");
        if (refused !== undefined) expect(run.stderr).toMatch(refused);
        if (writes === undefined) expect(run.stdout).toBe("");
        else expect(run.stdout, run.stderr).toMatch(writes);
        expect(run.exitCode).toBe(refused === undefined ? 0 : 125);
      },
      START_MS,
    );
  }
});

describe("on a root file system that is only read", () => {
  const script = `
    const { writeFileSync } = require("node:fs");
    for (const path of [require("node:os").tmpdir(), require("node:os").homedir()])
      writeFileSync(path + "/written", "");
    console.log("fine");`;
  const sample = {
    layer: () => [...nodeFiles(), { path: "app/server.js", content: script }],
    config: { Entrypoint: ["node", "/app/server.js"] },
  };
  const environment = { ...LOADER, WORK_DIR: "/work" };

  containerTest(
    "one writable directory is enough",
    async () => {
      const rules = [...AS_USER, "--read-only", "--read-only-tmpfs=false", "--tmpfs=/work:exec"];
      const { stdout, stderr } = await runSample(sample, rules, environment);
      expect(stdout, stderr).toBe("fine\n");
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
  const variables = { ...environment, IMAGE: `${registry.host}/team/server:1` };
  const settings = Object.entries(variables).map(([key, value]) => `--env=${key}=${value}`);
  return await podman("run", ...rules, ...settings, RUNNER_IMAGE);
}
