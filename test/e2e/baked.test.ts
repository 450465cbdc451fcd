// Baking and starting with the bare binary: what a root filesystem that was pulled is good for without any builder, in
// a chroot whose files nobody may write.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BAKED_IMAGE_FILE } from "../../src/launch/baked-root.ts";
import { buildImage } from "../support/image-builder.ts";
import { librariesOf } from "../support/libraries.ts";
import { startLoopbackRegistry } from "../support/loopback-registry.ts";
import { mountProblem } from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { runnerBinary } from "../support/runner-binary.ts";
import { runRunner } from "../support/runner.ts";
import { busyboxFiles } from "../support/runtime-files.ts";
import { tempDir } from "../support/temp-dir.ts";

const RUN_MS = 60_000;
const problem = programProblem("busybox", "unshare", "chroot") ?? mountProblem();
const inRoot = unless(problem);

const MOUNTED_READ_ONLY = `mount --bind "$0" "$0" && mount --rbind /proc "$0/proc" &&
  mount -o remount,bind,ro "$0" && exec chroot --userspec="$USERSPEC" --groups= "$0" /fastmcp-runner "$@"`;

const directory = tempDir();
const root = directory.file("root");
let image: string;

beforeAll(async () => {
  if (problem === undefined) await bake();
}, RUN_MS);
afterAll(() => directory[Symbol.dispose]());

describe.each(["0:0", "1000:1000"])("in a baked root, as %s", (user) => {
  inRoot(
    "the server starts as 1000:1000, and gets what it is told",
    async () => {
      const run = await start(
        { PORT: "7001", SERVER_TRANSPORT: "http", MCP_ENV_GREETING: "ahoy" },
        { user },
      );
      expect(run).toEqual({
        stdout: "7001 ahoy\n1000\n/app\n",
        stderr: expect.any(String),
        status: 0,
      });
      expect(run.stderr).toContain(`run mode baked: ${image} is this root already`);
    },
    RUN_MS,
  );
});

inRoot(
  "its settings are held to the same rules as any start's",
  async () => {
    const portless = await start({});
    expect(portless).toMatchObject({ stdout: "", status: 2 });
    expect(portless.stderr).toContain("--port / PORT is required");
    const wrong = await start({ PORT: "0", IMAGE: "no image", RUN_MODE: "baked" });
    expect(wrong.stderr).toContain("2 settings are wrong");
  },
  RUN_MS,
);

inRoot(
  "another mode than baked pulls, and wants an image's name",
  async () => {
    const run = await start({ PORT: "1", RUN_MODE: "chroot" });
    expect(run.stderr).toContain("IMAGE is required");
    expect(run.status).toBe(2);
  },
  RUN_MS,
);

inRoot(
  "a description that is damaged is told, with the way out",
  async () => {
    const path = join(root, BAKED_IMAGE_FILE);
    const good = readFileSync(path);
    writeFileSync(path, good.subarray(0, -10));
    try {
      const run = await start({ PORT: "1" });
      expect(run.status).toBe(125);
      expect(run.stderr).toContain(
        `${BAKED_IMAGE_FILE}: the description of the baked image is not`,
      );
      expect(run.stderr).toContain("hint: Bake the image again");
      const doctor = await start({}, { argv: ["doctor", "--json"] });
      expect(JSON.parse(doctor.stdout).baked.problem).toContain("is not JSON");
    } finally {
      writeFileSync(path, good);
    }
  },
  RUN_MS,
);

test(
  "where nothing is baked, RUN_MODE=baked says so before anything is pulled",
  async () => {
    const environment = { RUN_MODE: "baked", IMAGE: "registry.invalid/server:1", PORT: "1" };
    const end = await runRunner({ environment });
    expect(end.stderr).toContain(`${BAKED_IMAGE_FILE} does not exist [RUN_MODE_UNAVAILABLE]`);
    expect(end.status).toBe(125);
  },
  RUN_MS,
);

/** Pulls an image that has the runner in it, as a builder's COPY would add it. */
async function bake(): Promise<void> {
  const binary = await runnerBinary();
  const server = buildImage({
    layers: [
      [
        ...busyboxFiles(),
        ...librariesOf(binary),
        { path: "fastmcp-runner", source: binary, mode: 0o755 },
      ],
    ],
    config: {
      Entrypoint: ["/bin/sh", "-c"],
      Cmd: ['echo "$PORT $GREETING"; /bin/busybox id -u; pwd'],
      WorkingDir: "/app",
    },
    compression: "none",
  });
  using registry = startLoopbackRegistry({ images: { "team/server:1": server } });
  image = `${registry.host}/team/server:1`;
  const environment = { REGISTRY_CLIENT: "builtin" };
  const end = await runRunner({ arguments: ["pull", image, "--to", root, "--bake"], environment });
  expect(end.status, end.stderr).toBe(0);
}

interface Options {
  readonly user?: string;
  readonly argv?: readonly string[];
}

async function start(
  environment: Readonly<Record<string, string>>,
  { user = "0:0", argv = [] }: Options = {},
) {
  const child = Bun.spawn(["unshare", "--mount", "sh", "-c", MOUNTED_READ_ONLY, root, ...argv], {
    env: { PATH: process.env["PATH"] ?? "", USERSPEC: user, ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { stdout, stderr, status: await child.exited };
}
