// The path that an image's name holds, opened: what is there, and a sentence for everything that is there instead.

import { constants, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { printable, RunnerError } from "../../errors.ts";
import { errnoOf } from "../../system/disk-error.ts";

const HINT = "Check the path in IMAGE; inside a container it is a path of the container's.";

/** Throws IMAGE_NOT_FOUND, and REFERENCE_INVALID for what is no directory. */
export function openDirectoryPath(path: string): Promise<FileHandle> {
  return openPath(path, (stats) =>
    stats.isDirectory()
      ? undefined
      : `is no directory: for an archive write oci-archive:${printable(path)} or docker-archive:${printable(path)}`,
  );
}

/** Throws IMAGE_NOT_FOUND, and REFERENCE_INVALID for what is no regular file. */
export function openFilePath(path: string): Promise<FileHandle> {
  return openPath(path, (stats) => {
    if (stats.isFile()) return undefined;
    return stats.isDirectory()
      ? `is a directory: for an OCI image layout write oci:${printable(path)}`
      : "is no regular file, and an archive cannot be read from anything else";
  });
}

async function openPath(
  path: string,
  problemOf: (stats: Stats) => string | undefined,
): Promise<FileHandle> {
  const handle = await openAny(path);
  const problem = problemOf(await handle.stat());
  if (problem === undefined) return handle;
  await handle.close();
  throw new RunnerError("REFERENCE_INVALID", `${printable(path)} ${problem}`, { hint: HINT });
}

// Nobody may be at the other end of a pipe: opening must not wait for them.
async function openAny(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const problem =
      errnoOf(cause) === "ENOENT" ? "does not exist" : `cannot be opened (${errnoOf(cause)})`;
    const message = `${printable(path)} ${problem}`;
    throw new RunnerError("IMAGE_NOT_FOUND", message, { cause, hint: HINT });
  }
}
