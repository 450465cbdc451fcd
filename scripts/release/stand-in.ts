// What a dry run builds images on where Alpine's cannot be pulled or run: the stand-in of the tests, under the name of
// each platform. Nothing of another platform is executed: the programs of the stand-in are always this machine's, only
// the runner in the image is the platform's own. Such an image is never published.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { podmanMust } from "../../test/support/podman.ts";
import {
  buildStandInBases,
  STAND_IN,
  STAND_IN_PROGRAMS,
} from "../../test/support/stand-in-base.ts";
import type { ImageBase } from "./image.ts";
import { programsProblem } from "./programs.ts";

const WARNING =
  "On a stand-in for Alpine: only the runner is the platform's own, all other programs are the building machine's. Never published.";

/** Makes the stand-in for each of the platforms, as of a time. The directory is not needed afterwards. */
export async function onStandIns(
  directory: string,
  platforms: readonly string[],
  createdAt: number,
): Promise<ReadonlyMap<string, ImageBase>> {
  const problem = programsProblem(STAND_IN_PROGRAMS);
  if (problem !== undefined) throw new Error(`there is no stand-in for Alpine: ${problem}`);
  if (process.arch !== "x64") throw new Error("the stand-in for Alpine is made for x64");
  const context = join(directory, "stand-in");
  mkdirSync(context);
  await buildStandInBases(context);
  const bases = new Map<string, ImageBase>();
  for (const platform of platforms) {
    bases.set(platform, await standInAs(platform, context, createdAt));
  }
  return bases;
}

// From what the stand-in itself and its build stage were made from: podman takes no local image of another platform.
async function standInAs(platform: string, context: string, createdAt: number): Promise<ImageBase> {
  const name = `${STAND_IN}-as-${platform.replaceAll("/", "-")}`;
  // Its cache knows no platforms.
  const options = ["--quiet", "--no-cache", "--isolation=chroot", `--platform=${platform}`];
  options.push(`--timestamp=${createdAt}`);
  await podmanMust("build", ...options, `--tag=${name}`, context);
  const recipe = join(context, "build/Containerfile");
  writeFileSync(recipe, readFileSync(recipe, "utf8").replace(/^FROM .*/, `FROM ${name}`));
  await podmanMust("build", ...options, `--tag=${name}-build`, join(context, "build"));
  return {
    name,
    buildArguments: [`--build-arg=BASE=${name}`, `--build-arg=BUILD_BASE=${name}-build`],
    warning: WARNING,
  };
}
