// The runner as users get it: one hardened binary, compiled once for all test files and kept until the sources change.

import {
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  existsSync,
  mkdirSync,
} from "node:fs";
import { join } from "node:path";
import { buildRunner, hostTarget, type Target } from "../../scripts/build.ts";

/** The commit that test binaries say they were built from. */
export const TEST_COMMIT = "0123456789abcdef0123456789abcdef01234567";

const ROOT = join(import.meta.dir, "../..");
const CACHE = join(ROOT, "node_modules/.cache/fastmcp-runner");
const INPUTS = [
  "src/**/*.{ts,js,css,html}",
  "scripts/{build,elf-section,harden-binary}.ts",
  "package.json",
  "bun.lock",
];
const UNUSED_MS = 15 * 60 * 1000;

const builds = new Map<Target, Promise<string>>();

/** Compiles the runner, unless that has been done, and returns the binary's path. */
export function runnerBinary(target: Target = hostTarget()): Promise<string> {
  const started = builds.get(target);
  if (started !== undefined) return started;
  const build = buildOnce(target);
  builds.set(target, build);
  return build;
}

async function buildOnce(target: Target): Promise<string> {
  const directory = join(CACHE, hashOfSources());
  const path = join(directory, `fastmcp-runner-${target}`);
  mkdirSync(directory, { recursive: true });
  if (!existsSync(path)) await buildRunner({ target, commit: TEST_COMMIT, outfile: path });
  const now = new Date();
  utimesSync(directory, now, now);
  removeUnused();
  return path;
}

function hashOfSources(): string {
  const hash = new Bun.CryptoHasher("sha256").update(Bun.version);
  const paths = INPUTS.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(ROOT)]).sort();
  for (const path of paths) {
    const text = readFileSync(join(ROOT, path));
    hash.update(`\0${path}\0${text.byteLength}\0`).update(text);
  }
  return hash.digest("hex").slice(0, 16);
}

// A binary has 100 MB. One that another test run may still be using stays.
function removeUnused(): void {
  for (const name of readdirSync(CACHE)) {
    const path = join(CACHE, name);
    const age = Date.now() - statSync(path).mtimeMs;
    if (age > UNUSED_MS) rmSync(path, { recursive: true, force: true });
  }
}
