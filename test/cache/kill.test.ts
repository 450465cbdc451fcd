// Processes that are killed at any moment, and what the next one finds.

import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { openCache } from "../../src/cache/image-cache.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { everythingIn, keyOf, type TestCache, testCache } from "./support.ts";

const CHILD = join(import.meta.dir, "fill-child.ts");
const KILLS = 60;
const LONGEST_MS = 60;

test(`a cache outlives ${KILLS} kills of those who fill it, two at a time`, async () => {
  using cache = testCache();
  let trees = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    await fillAndKill(cache, kill);
    trees += await checkEverything(cache);
  }
  // There was something to find, and nothing of the dead is left.
  expect(trees).toBeGreaterThan(KILLS);
  const { tidy } = openCache<number>(cache.path, 0);
  await tidy();
  for (const place of ["temporary", "leases", "trees", "names"] as const) {
    expect(everythingIn(cache.directory[place])).toEqual([]);
  }
}, 120_000);

async function fillAndKill(cache: TestCache, round: number): Promise<void> {
  // Both work on the same images.
  const children = [1, 2].map(() =>
    Bun.spawn([process.execPath, CHILD, cache.path, String(round)], {
      stdout: "pipe",
      stderr: "pipe",
    }),
  );
  for (const child of children) await child.stdout.getReader().read();
  await Bun.sleep(Math.random() * LONGEST_MS);
  for (const child of children) child.kill("SIGKILL");
  for (const child of children) {
    await child.exited;
    expect(await child.stderr.text()).toBe("");
  }
}

/** Every blob in its place is whole, and every tree that is found is complete; returns how many those were. */
async function checkEverything({ path, directory }: TestCache): Promise<number> {
  const sha256 = join(directory.blobs, "sha256");
  for (const hex of existsSync(sha256) ? readdirSync(sha256) : []) {
    expect(digestOf(readFileSync(join(sha256, hex)))).toEndWith(hex);
  }
  const cache = openCache<number>(path, 0);
  let found = 0;
  for (const { manifest } of cache.names.all()) {
    const tree = await cache.trees.find(keyOf(manifest), () => false);
    if (tree === undefined) continue;
    const files = everythingIn(tree.path).filter((name) => name.includes("/"));
    expect(files).toHaveLength(40);
    const length = String(tree.report).length * 100;
    expect(files.every((name) => statSync(join(tree.path, name)).size === length)).toBe(true);
    tree.lease[Symbol.dispose]();
    found += 1;
  }
  return found;
}
