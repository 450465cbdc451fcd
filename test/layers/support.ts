// Layers made of raw archives, and trees as plain records to compare.

import { expect } from "bun:test";
import { lstatSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { RunnerError } from "../../src/errors.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/layers/limits.ts";
import { type LayerSource, type UnpackReport, unpackLayers } from "../../src/layers/unpack.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { ORDINARY_USER, otherUserProblem } from "../support/privileges.ts";
import { type RawEntry, rawTar } from "../support/raw-tar.ts";
import { tempDir } from "../support/temp-dir.ts";

export type LayerLike = readonly RawEntry[] | Uint8Array | LayerSource;

/** A path to what is there: "dir", "file CONTENT" or "link TARGET". */
export type Listing = Readonly<Record<string, string>>;

export function compress(bytes: Uint8Array, compression: "none" | "gzip" | "zstd"): Uint8Array {
  if (compression === "gzip") return gzipSync(bytes);
  return compression === "zstd" ? zstdCompressSync(bytes) : bytes;
}

/** A layer of these bytes, `plain` being what they unpack to. */
export function blobLayer(
  blob: Uint8Array,
  plain: Uint8Array,
  changes: Partial<LayerSource["descriptor"]> = {},
): LayerSource {
  return {
    descriptor: {
      mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
      digest: digestOf(blob),
      size: blob.length,
      ...changes,
    },
    diffId: digestOf(plain),
    open: () => Promise.resolve(streamOf(blob)),
  };
}

export function streamOf(bytes: Uint8Array, pieceBytes = 65_536): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at + pieceBytes));
      at += pieceBytes;
    },
  });
}

export function layerOf(layer: LayerLike): LayerSource {
  if ("descriptor" in layer) return layer;
  const plain = layer instanceof Uint8Array ? layer : rawTar(layer);
  return blobLayer(compress(plain, "gzip"), plain);
}

export interface Unpacked {
  readonly root: string;
  readonly report: UnpackReport;
}

/** Unpacks into `parent`/root. */
export async function unpack(
  parent: string,
  layers: readonly LayerLike[],
  limits: Partial<Limits> = {},
): Promise<Unpacked> {
  const root = `${parent}/root`;
  const report = await unpackLayers(layers.map(layerOf), root, {
    limits: { ...DEFAULT_LIMITS, ...limits },
  });
  return { root, report };
}

/** What the layers unpack to, as a listing. Nothing else may be left beside the root. */
export async function treeOf(layers: readonly LayerLike[]): Promise<Listing> {
  using dir = tempDir();
  const { root } = await unpack(dir.path, layers);
  expect(readdirSync(dir.path)).toEqual(["root"]);
  return listing(root);
}

/** The error of layers that cannot be unpacked. Nothing may be left of them. */
export async function refusalOf(
  layers: readonly LayerLike[],
  limits: Partial<Limits> = {},
): Promise<RunnerError> {
  using dir = tempDir();
  const error = await unpack(dir.path, layers, limits).then(
    () => "unpacked",
    (reason: unknown) => reason,
  );
  expect(readdirSync(dir.path)).toEqual([]);
  if (error instanceof RunnerError) return error;
  throw new Error("expected a RunnerError", { cause: error });
}

export const IS_ROOT = process.getuid?.() === 0;

/** What keeps `runUnprivileged` from working here. */
export const unprivilegedProblem = IS_ROOT ? otherUserProblem() : undefined;

/** Runs a script of this directory as user 1000 if this is root, else as who we are; returns what it prints. */
export async function runUnprivileged(script: string, ...argv: readonly string[]): Promise<string> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, script), ...argv], {
    ...(IS_ROOT ? { uid: ORDINARY_USER, gid: ORDINARY_USER } : {}),
    env: { BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(stderr).toBe("");
  return stdout;
}

export function listing(root: string): Listing {
  const found: [string, string][] = [];
  const visit = (path: Buffer, shown: string) => {
    for (const name of readdirSync(path, { encoding: "buffer" })) {
      const child = Buffer.concat([path, Buffer.from("/"), name]);
      const childShown = `${shown}${name.toString("latin1")}`;
      found.push([childShown, describe(child)]);
      if (lstatSync(child).isDirectory()) visit(child, `${childShown}/`);
    }
  };
  visit(Buffer.from(root), "");
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function describe(path: Buffer): string {
  const stats = lstatSync(path);
  if (stats.isDirectory()) return "dir";
  if (stats.isSymbolicLink()) return `link ${readlinkSync(path, "buffer").toString("latin1")}`;
  return stats.isFile() ? `file ${readFileSync(path, "utf8")}` : "other";
}

export const dir = (name: string, more: Partial<RawEntry> = {}): RawEntry => ({
  name,
  type: "5",
  ...more,
});
export const file = (
  name: string,
  body: string | Uint8Array = name,
  more: Partial<RawEntry> = {},
): RawEntry => ({
  name,
  body,
  ...more,
});
export const symlink = (name: string, link: string): RawEntry => ({ name, type: "2", link });
export const hardlink = (name: string, link: string): RawEntry => ({ name, type: "1", link });
export const whiteout = (name: string): RawEntry => ({ name });
