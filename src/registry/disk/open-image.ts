// An image on this machine, opened by its name: a layout in a directory, a layout in an archive, or what Docker saves.

import type { DiskImageName } from "../../oci/image-name.ts";
import type { Registry } from "../registry.ts";
import { type ArchiveOptions, openArchiveFiles } from "./archive-files.ts";
import { openDirectoryFiles } from "./directory-files.ts";
import { createDockerArchive } from "./docker-archive.ts";
import type { ImageFiles } from "./image-files.ts";
import { createLayout } from "./oci-layout.ts";

export interface DiskImageOptions extends ArchiveOptions {
  readonly maxManifestBytes: number;
  readonly maxConfigBytes: number;
  readonly maxLayers: number;
}

/**
 * Opens an image; nothing of it is unpacked, but a compressed archive is decompressed.
 * Throws REFERENCE_INVALID, IMAGE_NOT_FOUND, IMAGE_UNSUPPORTED, IMAGE_INVALID, DIGEST_MISMATCH, LIMIT_EXCEEDED and, for
 * a compressed archive, DISK_FULL and DISK_UNWRITABLE.
 */
export async function openDiskImage(
  { kind, path, tag }: DiskImageName,
  options: DiskImageOptions,
): Promise<Registry> {
  const files =
    kind === "oci" ? await openDirectoryFiles(path) : await openArchiveFiles(path, options);
  try {
    return await openIn(files, kind, { ...options, tag });
  } catch (error) {
    files.close();
    throw error;
  }
}

function openIn(
  files: ImageFiles,
  kind: DiskImageName["kind"],
  options: DiskImageOptions & { readonly tag: string | undefined },
): Promise<Registry> {
  return kind === "docker-archive"
    ? createDockerArchive(files, options)
    : createLayout(files, { ...options, client: kind });
}
