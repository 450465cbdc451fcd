// A cache in a directory of its own, things to put into it, and ways to damage them.

import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CacheDirectory } from "../../src/cache/directory.ts";
import type { BlobName } from "../../src/cache/pending-blob.ts";
import type { TreeKey } from "../../src/cache/trees.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { tempDir } from "../support/temp-dir.ts";

export interface TestCache extends Disposable {
  readonly directory: CacheDirectory;
  readonly path: string;
}

export function testCache(): TestCache {
  const dir = tempDir();
  const path = dir.file("cache");
  const directory = new CacheDirectory(path);
  return { directory, path, [Symbol.dispose]: () => dir[Symbol.dispose]() };
}

export interface TestBlob extends BlobName {
  readonly bytes: Uint8Array;
}

/** Bytes that are the same for the same seed, in a blob of that size. */
export function blobOf(size: number, seed = 1): TestBlob {
  const bytes = new Uint8Array(size);
  for (let index = 0, state = seed; index < size; index += 1) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[index] = state >>> 16;
  }
  return { bytes, size, digest: digestOf(bytes) };
}

/** A stream that gives the bytes in pieces. */
export function streamOf(bytes: Uint8Array, pieceBytes = 10_000): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + pieceBytes));
      at += pieceBytes;
    },
  });
}

export async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export const IMAGE: Digest = digestOf(Buffer.from("an image"));

export function keyOf(manifest: Digest = IMAGE): TreeKey {
  return { manifest, uid: 1000, gid: 1000 };
}

/** Writes a small tree: files below directories. */
export async function fillTree(root: string): Promise<string> {
  mkdirSync(join(root, "app/lib"), { recursive: true });
  writeFileSync(join(root, "app/server.js"), "listen()");
  writeFileSync(join(root, "app/lib/a"), "a".repeat(5_000));
  writeFileSync(join(root, "app/lib/b"), "b".repeat(5_000));
  return "filled";
}

/** Everything below a directory, for what must not be left. */
export function everythingIn(path: string): readonly string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" });
}
