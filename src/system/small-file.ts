// Files that ought to be small, read without trusting that they are.

import { open } from "node:fs/promises";

const CHUNK_BYTES = 16_384;

/**
 * A file's bytes, or undefined where there are more than `maxBytes`: a device or a pipe has no size that could be looked
 * at before. It waits for a pipe without blocking the process. Throws what opening and reading throw.
 */
export async function readSmallFile(
  path: string,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const file = await open(path);
  try {
    const chunks: Uint8Array[] = [];
    for (let size = 0; size <= maxBytes;) {
      const { buffer, bytesRead } = await file.read(
        Buffer.allocUnsafe(CHUNK_BYTES),
        0,
        CHUNK_BYTES,
      );
      if (bytesRead === 0) return Buffer.concat(chunks);
      chunks.push(buffer.subarray(0, bytesRead));
      size += bytesRead;
    }
    return undefined;
  } finally {
    await file.close();
  }
}
