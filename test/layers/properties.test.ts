// Random layers against the model: whatever the layers are, what is on disk afterwards is what the model says, or both
// refuse. PROPERTY_RUNS makes it a longer search.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RunnerError } from "../../src/errors.ts";
import { type Change, archiveOf } from "./changes.ts";
import { flatDisk, flatModel } from "./flat-tree.ts";
import {
  type Layers,
  type Outcome,
  SEED,
  holdFor,
  inDirectory,
  isMarker,
  requireSame,
} from "./hold-for.ts";
import { Refused, applyLayers } from "./model.ts";
import { randomLayers } from "./random-changes.ts";
import { blobLayer, compress, dir, file, symlink, treeOf, unpack, whiteout } from "./support.ts";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 250);
const TIMEOUT_MS = 60_000 + RUNS * 200;
const COMPRESSIONS = ["gzip", "none", "zstd"] as const;

describe(`random layers (${RUNS} runs, seed ${SEED})`, () => {
  test(
    "become the tree of the model, or are refused as by the model",
    async () => {
      await holdFor(randomLayers({ isHostile: true }), RUNS, async (layers) => {
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
      const runs = Math.ceil(RUNS / 4);
      await holdFor(randomLayers({ isHostile: false }), runs, async (layers) => {
        const last = await unpacked(layers.map(markersLast));
        requireSame(last, await unpacked(layers.map(markersFirst)));
      });
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

function modelled(layers: Layers): Outcome {
  try {
    return flatModel(applyLayers(layers));
  } catch (error) {
    if (error instanceof Refused) return "refused";
    throw error;
  }
}

async function unpacked(layers: Layers): Promise<Outcome> {
  const sources = layers.map((changes, index) => {
    const archive = archiveOf(changes);
    const compression = COMPRESSIONS[index % COMPRESSIONS.length] ?? "none";
    return blobLayer(compress(archive, compression), archive);
  });
  return inDirectory(async (directory) => {
    try {
      return flatDisk((await unpack(directory, sources)).root);
    } catch (error) {
      if (error instanceof RunnerError && error.code !== "INTERNAL") return "refused";
      throw error;
    }
  });
}

function markersFirst(changes: readonly Change[]): readonly Change[] {
  return [...changes.filter(isMarker), ...changes.filter((change) => !isMarker(change))];
}

function markersLast(changes: readonly Change[]): readonly Change[] {
  return [...changes.filter((change) => !isMarker(change)), ...changes.filter(isMarker).reverse()];
}
