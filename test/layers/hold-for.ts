// A property held against random layers, with failures that a person can read. PROPERTY_SEED makes it another search.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { isWritable, removeTree } from "../../src/system/private-directory.ts";
import { type Change, showChanges } from "./changes.ts";
import type { FlatTree } from "./flat-tree.ts";

export type Layers = readonly (readonly Change[])[];
export type Outcome = FlatTree | "refused";

export const SEED = Number(process.env["PROPERTY_SEED"] ?? 1);
/** Memory where there is some to write to: these trees are many and small. */
const PLACE = isWritable("/dev/shm") ? "/dev/shm" : tmpdir();

/** Fails with the smallest layers that break the property. */
export async function holdFor(
  layers: fc.Arbitrary<Layers>,
  runs: number,
  property: (layers: Layers) => Promise<void>,
): Promise<void> {
  const options = { numRuns: runs, seed: SEED };
  const details = await fc.check(fc.asyncProperty(layers, property), options);
  if (!details.failed) return;
  const [smallest = []] = details.counterexample ?? [];
  const shown = smallest.map((changes, index) => `layer ${index + 1}\n${showChanges(changes)}`);
  const { errorInstance: error, numRuns } = details;
  const reason = error instanceof Error ? error.message : `skipped ${details.numSkips} times`;
  throw new Error(`seed ${SEED}, run ${numRuns}:\n${shown.join("\n")}\n${reason}`);
}

/** Fails with both trees, a path a line. */
export function requireSame(actual: Outcome, expected: Outcome): void {
  if (Bun.deepEquals(actual, expected)) return;
  throw new Error(`expected\n${showOutcome(expected)}\nfound\n${showOutcome(actual)}`);
}

export async function inDirectory<Result>(
  action: (directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = mkdtempSync(join(PLACE, "fastmcp-runner-test-"));
  try {
    return await action(directory);
  } finally {
    removeTree(directory);
  }
}

/** Whether a change hides something instead of adding it. */
export function isMarker({ name }: Change): boolean {
  return /(?:^|\/)\.wh\.[^/]*$/.test(name);
}

function showOutcome(outcome: Outcome): string {
  if (typeof outcome === "string") return `  ${outcome}`;
  return Object.entries(outcome)
    .map(([path, line]) => `  ${path}: ${line}`)
    .join("\n");
}
