// Files in a tar archive on this machine, read where they lie: nothing is unpacked. A compressed archive cannot be read
// from the middle, so its plain bytes are put into a file that no directory names.

import type { FileHandle } from "node:fs/promises";
import { resolve } from "node:path";
import { detectCompression, MAGIC_BYTES } from "../../archive/decompress.ts";
import type { TarLimits } from "../../archive/tar.ts";
import { printable } from "../../errors.ts";
import { archiveError, type Extent, indexArchive } from "./archive-index.ts";
import { decompressArchive, type DecompressOptions } from "./decompress-archive.ts";
import { type ImageFile, type ImageFiles, streamRange } from "./image-files.ts";
import { openFilePath } from "./open-path.ts";

export interface ArchiveOptions extends DecompressOptions {
  readonly limits: TarLimits;
}

/**
 * Throws IMAGE_NOT_FOUND, IMAGE_INVALID, LIMIT_EXCEEDED, REFERENCE_INVALID for what is no file, and for a compressed
 * archive DISK_FULL and DISK_UNWRITABLE.
 */
export async function openArchiveFiles(path: string, options: ArchiveOptions): Promise<ImageFiles> {
  const where = `the archive ${printable(path)}`;
  let file = await openFilePath(resolve(path));
  try {
    const head = Buffer.alloc(MAGIC_BYTES);
    await file.read(head, 0, MAGIC_BYTES, 0);
    if (detectCompression(head) !== "none") {
      const compressed = file;
      file = await decompressArchive(compressed, options);
      await compressed.close();
    }
    const { size } = await file.stat();
    const index = await indexArchive(file, size, options.limits);
    return archiveFiles(where, file, (name) => index.find(name));
  } catch (error) {
    await file.close();
    throw archiveError(where, error);
  }
}

function archiveFiles(
  where: string,
  file: FileHandle,
  find: (unsafeName: string) => Extent | undefined,
): ImageFiles {
  const nothing = async () => {};
  const fileAt = ({ start, size }: Extent): ImageFile => {
    return { size, stream: () => streamRange(file, { start, size }, nothing), close: nothing };
  };
  return {
    where,
    async open(name) {
      try {
        // Names in archives are bytes, one a character.
        const extent = find(Buffer.from(name, "utf8").toString("latin1"));
        return extent === undefined ? undefined : fileAt(extent);
      } catch (error) {
        throw archiveError(where, error);
      }
    },
    close: () => void file.close(),
  };
}
