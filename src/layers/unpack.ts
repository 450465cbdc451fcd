// The story of layers/: read each layer, apply it to the tree of those below, commit the tree to disk, and put it in
// place in one step. A root is there completely or not at all.

import { lstatSync, mkdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Compression } from "../archive/decompress.ts";
import { RunnerError, printable } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import { isLayerType } from "../oci/media-type.ts";
import { privateDirectory } from "../system/private-directory.ts";
import { applyLayer } from "./apply.ts";
import type { LayerShape } from "./bodies.ts";
import { placeTree } from "./commit.ts";
import { ContentMissing, contentRule } from "./content-rule.ts";
import type { LayerContents, LayerSource } from "./layer-thread.ts";
import { Budget, type Limits, limitError } from "./limits.ts";
import { inLayer, readLayers } from "./read-layers.ts";
import { Tree } from "./tree.ts";
import { type Unkept, UnkeptList } from "./unkept.ts";
import { asDiskError, toBytePath } from "./write.ts";

export type { LayerSource } from "./layer-thread.ts";

export interface LayerReport {
  readonly digest: Digest;
  readonly compression: Compression;
  readonly compressedBytes: number;
  /** Bytes of the archive, its headers and padding included. */
  readonly unpackedBytes: number;
  readonly entries: number;
}

export interface UnpackReport {
  readonly layers: readonly LayerReport[];
  /** Names in the tree, the root not counted. */
  readonly entries: number;
  /** Bytes of its regular files. */
  readonly bytes: number;
  readonly unkept: readonly Unkept[];
}

export interface UnpackOptions {
  readonly limits: Limits;
  /**
   * Paths such as `/app` or `/opt/*`: only files at or below them are written, and all directories and links. Of the
   * others there is nothing in the tree.
   */
  readonly contentOf?: readonly string[] | undefined;
  /** Called after each layer has been read, verified and applied, in order. */
  onLayer?(report: LayerReport): void;
  /** Called with the number of compressed bytes that have come since the last call, of whatever layer. */
  onBytes?(bytes: number): void;
}

/**
 * Makes `root` the filesystem that the layers describe, lowest first. `root` must not exist; its parent must be closed
 * to other users, since the image's modes are kept. Files belong to whoever runs this; setuid and setgid are taken off.
 * Throws LAYER_CORRUPT, LAYER_UNSUPPORTED, LAYER_UNSAFE, LIMIT_EXCEEDED, DIGEST_MISMATCH, DISK_FULL, DISK_UNWRITABLE,
 * DESTINATION_UNUSABLE, and what a layer's source throws.
 */
export async function unpackLayers(
  layers: readonly LayerSource[],
  root: string,
  options: UnpackOptions,
): Promise<UnpackReport> {
  const { limits } = options;
  if (layers.length > limits.layers)
    throw limitError(limits, "layers", `the image has ${layers.length} layers`);
  for (const layer of layers) requireLayerType(layer);
  try {
    requireAbsent(root);
    return await unpack(layers, root, options).catch((error: unknown) => {
      if (!(error instanceof ContentMissing)) throw error;
      // A link leads to a wanted path from one that is not: rare enough to begin again, and then with everything.
      return unpack(layers, root, { ...options, contentOf: undefined });
    });
  } catch (error) {
    throw asDiskError(error, dirname(root));
  }
}

async function unpack(
  layers: readonly LayerSource[],
  root: string,
  options: UnpackOptions,
): Promise<UnpackReport> {
  // Beside the root, so that putting a file in its place is a rename and never a copy.
  using staging = privateDirectory(dirname(root), ".layers-");
  // A directory that may be closed by then changes its name, but not the directory it is in.
  using finished = privateDirectory(dirname(root), ".root-");
  const bodies = (layer: number) => toBytePath(join(staging.path, String(layer)));
  const tree = new Tree(options.limits);
  const unkept = new UnkeptList({ uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 });
  const reports: LayerReport[] = [];
  const shapes: LayerShape[] = [];
  const budget = new Budget(options.limits);
  using reading = readLayers(layers, { ...options, bodies, budget });
  for (const [index, layer] of layers.entries()) {
    const contents = await reading.contents(index);
    const apply = () => applyLayer(tree, contents.entries, index);
    const { selfLinks } = await inLayer(index, layers.length, apply);
    for (const path of selfLinks) unkept.add("self-link", path);
    shapes.push(contents.shape);
    const report = reportOf(layer, contents);
    reports.push(report);
    options.onLayer?.(report);
  }
  const path = toBytePath(finished.path);
  const wants = contentRule(options.contentOf);
  const placed = await placeTree(tree, { root: path, bodies, shapes, unkept, budget, wants });
  // What upper layers replaced goes at the same time: of thousands of files that takes as long.
  const [committed] = await Promise.all([placed.finish(), removeLeftovers(staging.path)]);
  renameSync(finished.path, root);
  return { layers: reports, ...committed, unkept: unkept.list() };
}

// Whatever is not removed here is when the directory is.
async function removeLeftovers(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => {});
}

function reportOf({ descriptor }: LayerSource, contents: LayerContents): LayerReport {
  const { compression, compressedBytes, unpackedBytes, entries } = contents;
  return {
    digest: descriptor.digest,
    compression,
    compressedBytes,
    unpackedBytes,
    entries: entries.length,
  };
}

// The name of the compression is not believed, but a type that is no tar archive at all, or an encrypted one, is.
function requireLayerType({ descriptor }: LayerSource): void {
  if (isLayerType(descriptor.mediaType)) return;
  throw new RunnerError(
    "LAYER_UNSUPPORTED",
    `a layer has the media type ${printable(descriptor.mediaType.slice(0, 200))}`,
  );
}

function requireAbsent(root: string): void {
  mkdirSync(dirname(root), { recursive: true, mode: 0o700 });
  if (lstatSync(root, { throwIfNoEntry: false }) === undefined) return;
  throw new RunnerError("DESTINATION_UNUSABLE", `${printable(root)} exists already`, {
    stage: "extract",
  });
}
