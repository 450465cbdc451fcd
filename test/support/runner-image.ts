// The container image as users build it, from this checkout's Dockerfile, on stand-ins for Alpine. Built once for all
// test files.

import { beforeAll } from "bun:test";
import { join } from "node:path";
import { podmanMust, podmanProblem } from "./podman.ts";
import { type ConditionalTest, needsThat, unless } from "./requirements.ts";
import { BUILD_STAND_IN, STAND_IN, STAND_IN_PROGRAMS, buildStandInBases } from "./stand-in-base.ts";
import { tempDir } from "./temp-dir.ts";

export const RUNNER_IMAGE = "localhost/fastmcp-runner-on-stand-in-alpine";

/** The commit that the image says it was built from. */
export const IMAGE_COMMIT = "89abcdef0123456789abcdef0123456789abcdef";

/** How long that may take: it downloads Bun and the packages. */
export const BUILD_MS = 600_000;

const ROOT = join(import.meta.dir, "../..");

let build: Promise<void> | undefined;

/** A test that runs containers of RUNNER_IMAGE, which is made before the first; `prepare` follows. `problems` keep it from running as well. */
export function inRunnerContainers(
  prepare: () => Promise<void> = async () => {},
  ...problems: readonly (string | undefined)[]
): ConditionalTest {
  beforeAll(async () => {
    if (!canRunContainers()) return;
    await buildRunnerImage();
    await prepare();
  }, BUILD_MS);
  return unless(containerProblem(), ...problems);
}

/** A test that runs containers of its own. */
export function needsContainers(): ConditionalTest {
  const problem = containerProblem();
  return needsThat(problem === undefined, problem ?? "");
}

export function canRunContainers(): boolean {
  return containerProblem() === undefined;
}

/** What keeps RUNNER_IMAGE from being built and run here. */
export function containerProblem(): string | undefined {
  const programs = ["podman", "unshare", ...STAND_IN_PROGRAMS];
  const missing = programs.filter((program) => Bun.which(program) === null);
  if (missing.length > 0) return `needs ${missing.join(", ")}`;
  if (process.arch !== "x64") return "the stand-in for Alpine is made for x64";
  const problem = podmanProblem();
  return problem === undefined ? undefined : `podman cannot work here: ${problem}`;
}

/** Makes RUNNER_IMAGE, unless that has been done. */
export function buildRunnerImage(): Promise<void> {
  build ??= buildOnce();
  return build;
}

async function buildOnce(): Promise<void> {
  using directory = tempDir();
  await buildStandInBases(directory.path);
  await podmanMust(
    "build",
    "--isolation=chroot",
    "--network=host",
    "--platform=linux/amd64",
    // OCI's own format has no HEALTHCHECK.
    "--format=docker",
    `--build-arg=BASE=${STAND_IN}`,
    `--build-arg=BUILD_BASE=${BUILD_STAND_IN}`,
    `--build-arg=COMMIT=${IMAGE_COMMIT}`,
    `--tag=${RUNNER_IMAGE}`,
    ROOT,
  );
}
