// Random layers against the model: whatever the layers are, what is on disk afterwards is what the model says, or both
// refuse. PROPERTY_RUNS and PROPERTY_SEED make it a longer search, or another one.

import { describe, expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { RunnerError } from "../../src/errors.ts";
import { isWritable, removeTree } from "../../src/system/private-directory.ts";
import { type Change, archiveOf, showChanges } from "./changes.ts";
import { type FlatTree, flatDisk, flatModel } from "./flat-tree.ts";
import { Refused, applyLayers } from "./model.ts";
import { randomLayers } from "./random-changes.ts";
import { blobLayer, compress, dir, file, symlink, treeOf, unpack, whiteout } from "./support.ts";

type Layers = readonly (readonly Change[])[];
type Outcome = FlatTree | "refused";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 250);
const SEED = Number(process.env["PROPERTY_SEED"] ?? 1);
const TIMEOUT_MS = 60_000 + RUNS * 200;
/** Memory where there is some to write to: these trees are many and small. */
const PLACE = isWritable("/dev/shm") ? "/dev/shm" : tmpdir();

describe(`random layers (${RUNS} runs, seed ${SEED})`, () => {
  test(
    "become the tree of the model, or are refused as by the model",
    async () => {
      await holds(randomLayers({ isHostile: true }), async (layers) => {
        requireSame(await unpacked(layers), modelled(layers));
      });
    },
    TIMEOUT_MS,
  );

  test("that are honest mostly become a tree", async () => {
    const samples = fc.sample(randomLayers({ isHostile: false }), { numRuns: 300, seed: SEED });
    const trees = samples.filter((layers) => modelled(layers) !== "refused");
    expect(trees.length).toBeGreaterThan(150);
  });

  test(
    "have whiteouts that mean the same wherever in their layer they are",
    async () => {
      await holds(
        randomLayers({ isHostile: false }),
        async (layers) => {
          requireSame(
            await unpacked(layers.map(markersLast)),
            await unpacked(layers.map(markersFirst)),
          );
        },
        Math.ceil(RUNS / 4),
      );
    },
    TIMEOUT_MS,
  );
});

describe("what such searches have found", () => {
  const lower = [dir("d"), file("d/x"), symlink("l", "d")];
  const markers = [whiteout(".wh.l"), whiteout("l/.wh.x")];

  test("a whiteout leads through a link that another one hides, whichever comes first", async () => {
    const expected = { d: "dir" };
    expect(await treeOf([lower, markers])).toEqual(expected);
    expect(await treeOf([lower, markers.toReversed()])).toEqual(expected);
  });

  test("a whiteout below a directory that is named like an opaque marker is one", async () => {
    const name = ".wh..wh..opq/d";
    const layers = [[file(`${name}/x`), file(`${name}/y`)], [whiteout(`${name}/.wh.x`)]];
    const directories = { ".wh..wh..opq": "dir", [name]: "dir" };
    expect(await treeOf(layers)).toEqual({ ...directories, [`${name}/y`]: `file ${name}/y` });
  });
});

/** Fails with the smallest layers that break the property, written for people. */
async function holds(
  arbitrary: fc.Arbitrary<Layers>,
  property: (layers: Layers) => Promise<void>,
  runs = RUNS,
): Promise<void> {
  const options = { numRuns: runs, seed: SEED };
  const details = await fc.check(fc.asyncProperty(arbitrary, property), options);
  if (!details.failed) return;
  const [layers = []] = details.counterexample ?? [];
  const shown = layers.map((changes, index) => `layer ${index + 1}\n${showChanges(changes)}`);
  const reason = details.errorInstance instanceof Error ? details.errorInstance.message : "";
  throw new Error(`seed ${SEED}, run ${details.numRuns}:\n${shown.join("\n")}\n${reason}`);
}

function requireSame(actual: Outcome, expected: Outcome): void {
  if (Bun.deepEquals(actual, expected)) return;
  const show = (outcome: Outcome) =>
    typeof outcome === "string"
      ? outcome
      : Object.entries(outcome)
          .map(([path, line]) => `  ${path}: ${line}`)
          .join("\n");
  throw new Error(`expected\n${show(expected)}\nfound\n${show(actual)}`);
}

function modelled(layers: Layers): Outcome {
  try {
    return flatModel(applyLayers(layers));
  } catch (error) {
    if (error instanceof Refused) return "refused";
    throw error;
  }
}

async function unpacked(layers: Layers): Promise<Outcome> {
  const parent = mkdtempSync(join(PLACE, "fastmcp-runner-test-"));
  const compressions = ["gzip", "none", "zstd"] as const;
  const sources = layers.map((changes, index) => {
    const archive = archiveOf(changes);
    return blobLayer(compress(archive, compressions[index % 3] ?? "none"), archive);
  });
  try {
    const { root } = await unpack(parent, sources);
    return flatDisk(root);
  } catch (error) {
    if (error instanceof RunnerError && error.code !== "INTERNAL") return "refused";
    throw error;
  } finally {
    removeTree(parent);
  }
}

function markersFirst(changes: readonly Change[]): readonly Change[] {
  return [...changes.filter(isMarker), ...changes.filter((change) => !isMarker(change))];
}

function markersLast(changes: readonly Change[]): readonly Change[] {
  return [...changes.filter((change) => !isMarker(change)), ...changes.filter(isMarker).reverse()];
}

function isMarker({ name }: Change): boolean {
  return /(?:^|\/)\.wh\.[^/]*$/.test(name);
}
