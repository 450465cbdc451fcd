// Files below a directory that a stranger may have filled: regular ones only, and no symbolic link is followed on the
// way, so that what is read is the directory's own and reading it comes to an end.

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { resolve } from "node:path";
import { printable } from "../../errors.ts";
import { errnoOf } from "../../system/disk-error.ts";
import { type ImageFile, type ImageFiles, invalid, streamRange } from "./image-files.ts";
import { openDirectoryPath } from "./open-path.ts";

/** Throws IMAGE_NOT_FOUND, and REFERENCE_INVALID for what is no directory. Links to the directory itself are followed. */
export async function openDirectoryFiles(path: string): Promise<ImageFiles> {
  const root = await openDirectoryPath(resolve(path));
  const where = `the directory ${printable(path)}`;
  return {
    where,
    async open(name) {
      const handle = await openBelow(root, name, where);
      return handle === undefined ? undefined : await asFile(handle, `${name} in ${where}`);
    },
    close: () => void root.close(),
  };
}

// Name by name, each from the directory that the last one opened: nobody can put a link in between meanwhile.
async function openBelow(
  root: FileHandle,
  name: string,
  where: string,
): Promise<FileHandle | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_DIRECTORY, O_NONBLOCK } = constants;
  const parts = name.split("/");
  let at = root;
  try {
    for (const [index, part] of parts.entries()) {
      const kind = index < parts.length - 1 ? O_DIRECTORY : O_NONBLOCK;
      const next = await open(`/proc/self/fd/${at.fd}/${part}`, O_RDONLY | O_NOFOLLOW | kind);
      if (at !== root) await at.close();
      at = next;
    }
    return at;
  } catch (error) {
    if (at !== root) await at.close();
    if (errnoOf(error) === "ENOENT") return undefined;
    throw unopenable(`${name} in ${where}`, error);
  }
}

function unopenable(what: string, error: unknown): Error {
  const errno = errnoOf(error);
  return errno === "ELOOP" || errno === "ENOTDIR"
    ? invalid(`${what} is or lies behind a symbolic link, and none is followed there`, error)
    : invalid(`${what} cannot be opened (${errno})`, error);
}

async function asFile(handle: FileHandle, what: string): Promise<ImageFile> {
  const stats = await handle.stat();
  const close = () => handle.close();
  if (!stats.isFile()) {
    await close();
    throw invalid(`${what} is no regular file`);
  }
  const { size } = stats;
  return { size, stream: () => streamRange(handle, { start: 0, size }, close), close };
}
