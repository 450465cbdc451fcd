// Layers that are read at the same time: how the failure of one ends the others.

import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { RunnerError } from "../../src/errors.ts";
import type { LayerSource } from "../../src/layers/unpack.ts";
import { rawTar } from "../support/raw-tar.ts";
import { tempDir } from "../support/temp-dir.ts";
import { blobLayer, file, layerOf, refusalOf, streamOf, treeOf, unpack } from "./support.ts";

/** A layer whose bytes stop coming after the first `bytes`, and what tells that nobody waits for the others. */
function stuckLayer(bytes: number): { readonly layer: LayerSource; readonly letGo: Promise<void> } {
  const letGo = Promise.withResolvers<void>();
  const plain = rawTar([file("stuck", Buffer.alloc(8_000_000))]);
  const open = () => {
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(plain.subarray(0, bytes)),
      cancel: () => letGo.resolve(),
    });
    return Promise.resolve(stream);
  };
  return { layer: { ...blobLayer(plain, plain), open }, letGo: letGo.promise };
}

/** A layer that fails when all of `others` have been opened. */
function failingLayer(others: readonly Promise<unknown>[]): LayerSource {
  const layer = layerOf([file("../escape")]);
  return { ...layer, open: () => Promise.all(others).then(() => layer.open()) };
}

for (const bytes of [1000, 600_000, 7_000_000]) {
  test(`a layer that waits after ${bytes} bytes is let go when another fails`, async () => {
    const { layer, letGo } = stuckLayer(bytes);
    const opened = Promise.withResolvers<void>();
    const stuck = { ...layer, open: () => layer.open().finally(opened.resolve) };
    const error = await refusalOf([stuck, failingLayer([opened.promise])]);
    expect(error.code).toBe("LAYER_UNSAFE");
    expect(error.message).toContain("layer 2 of 2");
    await letGo;
  });
}

test("a layer that opens after another has failed is let go", async () => {
  const { layer, letGo } = stuckLayer(1000);
  const opening = Promise.withResolvers<void>();
  const late = { ...layer, open: () => opening.promise.then(() => layer.open()) };
  expect((await refusalOf([late, failingLayer([])])).code).toBe("LAYER_UNSAFE");
  opening.resolve();
  await letGo;
});

test("what a source throws comes through as it is, and nothing is left", async () => {
  const refused = new RunnerError("REGISTRY_DENIED", "no");
  for (const open of [
    () => Promise.reject(refused),
    () => Promise.resolve(new ReadableStream({ pull: (controller) => controller.error(refused) })),
  ]) {
    using dir = tempDir();
    const layers = [layerOf([file("a")]), { ...layerOf([file("b")]), open }];
    expect(await unpack(dir.path, layers).catch((error: unknown) => error)).toBe(refused);
    expect(readdirSync(dir.path)).toEqual([]);
  }
});

test("many more layers than threads come together in their order", async () => {
  const layers = Array.from({ length: 100 }, (_, i) => [file("last", `${i}`), file(`f${i}`)]);
  const tree = await treeOf(layers);
  expect(Object.keys(tree).length).toBe(101);
  expect(tree["last"]).toBe("file 99");
});

test("a layer comes in pieces of any size", async () => {
  const plain = rawTar([file("f", Buffer.alloc(3_000_000, "content"))]);
  for (const size of [9973, 512 * 1024, 512 * 1024 + 1, plain.length]) {
    const layer = {
      ...blobLayer(plain, plain),
      open: () => Promise.resolve(streamOf(plain, size)),
    };
    expect(Object.keys(await treeOf([layer]))).toEqual(["f"]);
  }
});
