// Decides what a dry run builds its images on: Alpine, where it can be pulled and its programs of all platforms run,
// otherwise the stand-in.

import { existsSync } from "node:fs";
import { formatPlatform, hostPlatform } from "../../src/oci/platform.ts";
import { type ImageBase, onAlpine } from "./image.ts";
import { run } from "./programs.ts";
import { onStandIns } from "./stand-in.ts";

export interface Bases {
  /** By platform. */
  readonly bases: ReadonlyMap<string, ImageBase>;
  readonly reason: string;
}

const PROBE_SECONDS = 20;

/** How the kernel runs programs of other machines, if somebody has set that up. */
const EMULATORS: Readonly<Record<string, string>> = {
  "linux/amd64": "/proc/sys/fs/binfmt_misc/qemu-x86_64",
  "linux/arm64": "/proc/sys/fs/binfmt_misc/qemu-aarch64",
};

/** `createdAt` is the time that a stand-in shows, in seconds since 1970. */
export async function chooseBases(
  work: string,
  platforms: readonly string[],
  createdAt: number,
): Promise<Bases> {
  const alpine = onAlpine();
  const problem = await alpineProblem(alpine, platforms);
  if (problem !== undefined) {
    const bases = await onStandIns(work, platforms, createdAt);
    return { bases, reason: `a stand-in, as ${problem}` };
  }
  const bases = new Map(platforms.map((platform) => [platform, alpine]));
  return { bases, reason: `${alpine.name}@${alpine.digest}` };
}

async function alpineProblem(
  { name, digest }: ImageBase,
  platforms: readonly string[],
): Promise<string | undefined> {
  const host = formatPlatform(hostPlatform());
  const foreign = platforms.find(
    (platform) => platform !== host && !existsSync(EMULATORS[platform] ?? ""),
  );
  if (foreign !== undefined) return `no program for ${foreign} runs here`;
  const probe = ["timeout", String(PROBE_SECONDS), "crane", "manifest", `${name}@${digest}`];
  return (await run(probe)).exitCode === 0 ? undefined : `${name} cannot be pulled`;
}
