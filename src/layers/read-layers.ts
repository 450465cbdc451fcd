// All layers at once, as many as there are threads to read them; the largest first, so that none is left to run alone
// at the end. The first failure ends them all.

import { availableParallelism } from "node:os";
import { RunnerError } from "../errors.ts";
import { onExit } from "../system/cleanup.ts";
import { type LayerContents, type LayerSource, LayerThread } from "./layer-thread.ts";
import type { Budget } from "./limits.ts";

export interface LayersBeingRead extends Disposable {
  /** Gives away what a layer holds, once it has been read; the failure of any layer as soon as there is one. */
  contents(layer: number): Promise<LayerContents>;
}

/** More threads than this only wait for the disk and the wire, and each takes 25 MB. */
const MAX_THREADS = 8;

export interface ReadLayersOptions {
  /** Where the contents of a layer's files go: a directory that must not exist. */
  bodies(layer: number): string;
  readonly budget: Budget;
  readonly contentOf?: readonly string[] | undefined;
  /** Told how many compressed bytes have come since the last time. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** Starts to read the layers. */
export function readLayers(
  layers: readonly LayerSource[],
  { bodies, budget, contentOf, onBytes = () => {} }: ReadLayersOptions,
): LayersBeingRead {
  const count = Math.min(layers.length, availableParallelism(), MAX_THREADS);
  const threads = Array.from({ length: count }, () => new LayerThread(budget));
  // On any way out the threads rest before what they write is removed.
  const ending = onExit(() => {
    budget.stop();
    for (const thread of threads) thread[Symbol.dispose]();
  });
  const results = new Map(
    layers.map((_, layer) => [layer, Promise.withResolvers<LayerContents>()]),
  );
  const queue = [...layers.keys()].sort(
    (one, other) => sizeOf(layers, other) - sizeOf(layers, one),
  );
  const fail = (error: unknown) => {
    budget.stop();
    queue.length = 0;
    for (const { promise, reject } of results.values()) {
      // Whoever asks for the contents is told; for the others it is no unhandled rejection.
      promise.catch(() => {});
      reject(error);
    }
  };
  const work = async (thread: LayerThread) => {
    for (let layer = queue.shift(); layer !== undefined; layer = queue.shift()) {
      const source = layers[layer];
      if (source === undefined) continue;
      const read = () => thread.read(source, { bodies: bodies(layer), contentOf, onBytes });
      const contents = await inLayer(layer, layers.length, read);
      results.get(layer)?.resolve(contents);
    }
  };
  for (const thread of threads) work(thread).catch(fail);
  return {
    async contents(layer) {
      const contents = await results.get(layer)?.promise;
      if (contents === undefined) throw new Error("no such layer, or taken already");
      // The entries of a large image take a lot of memory, and its tree as much again.
      results.delete(layer);
      return contents;
    },
    [Symbol.dispose]: () => ending[Symbol.dispose](),
  };
}

/** Says in an error about a layer which of them it is. */
export async function inLayer<Result>(
  layer: number,
  count: number,
  action: () => Promise<Result>,
): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof RunnerError) || error.stage !== "extract") throw error;
    throw new RunnerError(error.code, `layer ${layer + 1} of ${count}: ${error.message}`, {
      cause: error,
      hint: error.hint,
      stage: error.stage,
    });
  }
}

function sizeOf(layers: readonly LayerSource[], layer: number): number {
  return layers[layer]?.descriptor.size ?? 0;
}
