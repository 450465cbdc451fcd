// A compressed archive's plain bytes, in a file that vanishes with its descriptor. What may be spent on it is decided
// elsewhere.

import { writeSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Decompressor } from "../../archive/decompress.ts";
import { RunnerError } from "../../errors.ts";
import { diskError, errnoOf } from "../../system/disk-error.ts";
import type { PrivateDirectory } from "../../system/private-directory.ts";

/** Counts what is unpacked, and throws when it is too much. */
export interface UnpackBudget {
  spendBytes(bytes: number): void;
  judgeRatio(compressedBytes: number, unpackedBytes: number, what: string): void;
}

export interface DecompressOptions {
  /** Makes a directory on a file system with room for a whole archive. */
  readonly createDirectory: () => PrivateDirectory;
  readonly createBudget: (directory: string) => UnpackBudget;
}

const CHUNK_BYTES = 512 * 1024;

/** Throws LAYER_CORRUPT, LAYER_UNSUPPORTED, DISK_FULL, DISK_UNWRITABLE and what the budget throws. */
export async function decompressArchive(
  source: FileHandle,
  options: DecompressOptions,
): Promise<FileHandle> {
  const { file, directory, budget } = await createNameless(options);
  try {
    await decompress(source, file.fd, budget);
    return file;
  } catch (cause) {
    await file.close();
    if (cause instanceof RunnerError || errnoOf(cause) === "") throw cause;
    throw diskError(cause, {
      full: `there is no room below ${directory} for what the archive holds`,
      unwritable: `what the archive holds cannot be written below ${directory} (${errnoOf(cause)})`,
    });
  }
}

// The directory goes at once, and the name with it: whatever ends this process ends the file.
async function createNameless({ createDirectory, createBudget }: DecompressOptions) {
  using directory = createDirectory();
  const file = await open(join(directory.path, "archive.tar"), "wx+", 0o600);
  return { file, directory: dirname(directory.path), budget: createBudget(directory.path) };
}

async function decompress(source: FileHandle, target: number, budget: UnpackBudget): Promise<void> {
  let compressed = 0;
  let plain = 0;
  const decompressor = new Decompressor((bytes) => {
    plain += bytes.length;
    budget.spendBytes(bytes.length);
    budget.judgeRatio(compressed, plain, "the archive");
    for (let at = 0; at < bytes.length;) at += writeSync(target, bytes, at);
  });
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  for (;;) {
    const { bytesRead } = await source.read(chunk, 0, CHUNK_BYTES, compressed);
    if (bytesRead === 0) break;
    compressed += bytesRead;
    decompressor.push(chunk.subarray(0, bytesRead));
  }
  decompressor.end();
}
