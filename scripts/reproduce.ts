// Proves that a commit gives one binary, byte for byte: builds it twice, from scratch, one after the other, in different
// directories, time zones and languages, and compares. Knows nothing of what is built.
//
//   bun run reproduce                            all four binaries of HEAD
//   bun run reproduce --host                     only the one that runs here
//   bun run reproduce --target linux-x64-musl    only this one; may be repeated
//   … --against DIR                              compares the second build with binaries from elsewhere, such as a
//                                                release's, instead of a first build

import { closeSync, mkdirSync, mkdtempSync, openSync, readSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { removeTree } from "../src/system/private-directory.ts";
import { hostTarget, parseTargets, TARGETS, type Target } from "./build.ts";
import { mustRun } from "./release/programs.ts";

export interface Reproduction {
  readonly target: Target;
  readonly sha256: string;
  /** The first byte that differs; absent when there is none. */
  readonly differsAt?: number;
}

const ROOT = join(import.meta.dir, "..");

/** What two builders may differ in, besides the directory. */
const BUILDERS = [
  { directory: "a", environment: { TZ: "UTC", LANG: "C", SOURCE_DATE_EPOCH: "0" } },
  {
    directory: "another/and-a-longer-one",
    environment: { TZ: "Asia/Kathmandu", LANG: "de_DE.UTF-8", SOURCE_DATE_EPOCH: "1700000000" },
  },
] as const;

/** Builds HEAD twice, or once when there are binaries to compare with, and compares target by target. */
export async function reproduce(
  targets: readonly Target[],
  against?: string,
): Promise<Reproduction[]> {
  const work = mkdtempSync(join(tmpdir(), "fastmcp-runner-reproduce-"));
  try {
    // Once: somebody may commit meanwhile.
    const commit = (await mustRun(["git", "-C", ROOT, "rev-parse", "HEAD"])).trim();
    const [first, second] = BUILDERS;
    const there = against ?? (await build({ work, commit, targets }, first));
    const here = await build({ work, commit, targets }, second);
    return await Promise.all(targets.map((target) => compare(target, there, here)));
  } finally {
    removeTree(work);
  }
}

/** The offset of the first byte in which two files differ, if any; a file that ends early differs where it ends. */
export function firstDifference(one: string, other: string): number | undefined {
  const files = [openSync(one, "r"), openSync(other, "r")] as const;
  const chunks = [Buffer.alloc(1 << 20), Buffer.alloc(1 << 20)] as const;
  try {
    for (let at = 0; ;) {
      const [left, right] = [readFull(files[0], chunks[0], at), readFull(files[1], chunks[1], at)];
      if (!left.equals(right)) return at + firstIndex(left, right);
      if (left.length === 0) return undefined;
      at += left.length;
    }
  } finally {
    files.forEach(closeSync);
  }
}

interface Task {
  readonly work: string;
  readonly commit: string;
  readonly targets: readonly Target[];
}

/** Returns the directory of the binaries. */
async function build(
  { work, commit, targets }: Task,
  builder: (typeof BUILDERS)[number],
): Promise<string> {
  const checkout = join(work, builder.directory);
  mkdirSync(checkout, { recursive: true });
  const archive = join(work, "commit.tar");
  await mustRun(["git", "-C", ROOT, "archive", `--output=${archive}`, commit]);
  await mustRun(["tar", "-x", "-f", archive, "-C", checkout]);
  const options = { cwd: checkout, environment: { ...builder.environment, COMMIT: commit } };
  await mustRun([process.execPath, "install", "--frozen-lockfile", "--production"], options);
  const named = targets.map((target) => `--target=${target}`);
  await mustRun([process.execPath, "scripts/build.ts", ...named], options);
  return join(checkout, "dist");
}

async function compare(target: Target, there: string, here: string): Promise<Reproduction> {
  const [one, other] = [there, here].map((path) => join(path, `fastmcp-runner-${target}`));
  if (one === undefined || other === undefined) throw new Error("two directories are compared");
  const sha256 = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(other).stream()) sha256.update(chunk);
  const differsAt = firstDifference(one, other);
  const same = { target, sha256: sha256.digest("hex") };
  return differsAt === undefined ? same : { ...same, differsAt };
}

function readFull(file: number, chunk: Buffer, position: number): Buffer {
  let length = 0;
  for (;;) {
    const read = readSync(file, chunk, length, chunk.length - length, position + length);
    length += read;
    if (read === 0 || length === chunk.length) return chunk.subarray(0, length);
  }
}

function firstIndex(left: Buffer, right: Buffer): number {
  const index = left.findIndex((byte, at) => byte !== right[at]);
  return index < 0 ? left.length : index;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      host: { type: "boolean", default: false },
      target: { type: "string", multiple: true },
      against: { type: "string" },
    },
  });
  const chosen = values.host ? [hostTarget()] : parseTargets(values.target ?? Object.keys(TARGETS));
  const against = values.against === undefined ? undefined : resolve(values.against);
  for (const { target, sha256, differsAt } of await reproduce(chosen, against)) {
    const verdict = differsAt === undefined ? "the same bytes" : `differs at byte ${differsAt}`;
    console.log(`${target}: ${verdict}, sha256 ${sha256}`);
    if (differsAt !== undefined) process.exitCode = 1;
  }
}

if (import.meta.main) await main();
