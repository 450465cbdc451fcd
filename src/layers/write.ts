// Everything that is created on disk from an image is created here: bodies in private places, then directories, links
// and names below a root that holds no symbolic link yet. Paths are latin1, one character a byte.

import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { RunnerError } from "../errors.ts";
import { diskError, errnoOf, isDiskFull, isNotAllowed } from "../system/disk-error.ts";
import { setFileTimes, setLinkTimes } from "../system/file-times.ts";
import type { Attributes } from "./entry.ts";

/** Setuid and setgid would be given to whoever the files belong to here, which is not whom the image meant. */
const KEPT_MODE = 0o1777;
const PRIVATE_DIRECTORY = 0o700;
const PRIVATE_FILE = 0o600;

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

/** A new file to write to, open to its owner only until `finishFile`. Nothing that exists is opened. */
export function createFile(path: string): number {
  return openSync(onDisk(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, PRIVATE_FILE);
}

export function writeBytes(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    at += writeSync(descriptor, bytes, at, bytes.length - at);
  }
}

/** Gives a file the attributes that it will keep, and closes it. */
export function finishFile(descriptor: number, attributes: Attributes): void {
  try {
    setAttributes(descriptor, attributes);
  } finally {
    closeSync(descriptor);
  }
}

/** Whether a name could be had; false where something else has it, or where no name can be that long. */
export function hadName(create: () => void): boolean {
  try {
    create();
    return true;
  } catch (error) {
    if (["EEXIST", "EISDIR", "ENOTDIR", "ENAMETOOLONG"].includes(errnoOf(error))) return false;
    throw error;
  }
}

/** Open to its owner only; `finishDirectory` gives it the attributes that it will keep. */
export function createDirectory(path: string): void {
  mkdirSync(onDisk(path), PRIVATE_DIRECTORY);
}

/** Puts a body, or a whole directory of bodies, in its place. */
export function placeBody(body: string, path: string): void {
  renameSync(onDisk(body), onDisk(path));
}

/** An empty file, where something stands for a device that more than one name leads to. */
export function createPlaceholder(path: string, attributes: Attributes): void {
  finishFile(createFile(path), { ...attributes, mode: 0 });
}

/** Another name of the same inode; false if the filesystem will have no more of them. A link is never followed. */
export function tryHardLink(existing: string, path: string): boolean {
  try {
    linkSync(onDisk(existing), onDisk(path));
    return true;
  } catch (error) {
    if (!["EMLINK", "EPERM", "EXDEV", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(errnoOf(error)))
      throw error;
    return false;
  }
}

/** Another file with the same content and attributes. */
export function copyFile(existing: string, path: string, attributes: Attributes): void {
  // An image's file may be closed to its owner, and its copy would be as well.
  chmodSync(onDisk(existing), PRIVATE_FILE);
  copyFileSync(onDisk(existing), onDisk(path), constants.COPYFILE_EXCL);
  for (const file of [existing, path]) {
    const descriptor = openSync(onDisk(file), O_WRONLY | O_NOFOLLOW);
    try {
      setAttributes(descriptor, attributes);
    } finally {
      closeSync(descriptor);
    }
  }
}

export function createSymlink(target: string, path: string, { mtime }: Attributes): void {
  symlinkSync(onDisk(target), onDisk(path));
  setLinkTimes(Buffer.from(path, "latin1"), mtime);
}

/** Gives a directory its final mode and times; nothing can be added to it afterwards. */
export function finishDirectory(path: string, attributes: Attributes): void {
  const descriptor = openSync(onDisk(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    setAttributes(descriptor, attributes);
  } finally {
    closeSync(descriptor);
  }
}

/** A path of this machine as the paths here are written. */
export function toBytePath(path: string): string {
  return Buffer.from(path, "utf8").toString("latin1");
}

/** An error of the filesystem as DISK_FULL, DISK_UNWRITABLE or LIMIT_EXCEEDED; anything else as it is. */
export function asDiskError(error: unknown, directory: string): unknown {
  if (isDiskFull(error) || isNotAllowed(error)) {
    return diskError(error, {
      full: `there is no room left for the image in ${directory}`,
      unwritable: `the image cannot be written to ${directory}`,
    });
  }
  if (errnoOf(error) !== "ENAMETOOLONG") return error;
  return new RunnerError(
    "LIMIT_EXCEEDED",
    `a path below ${directory} is too long for this system`,
    { cause: error, hint: "Set WORK_DIR to a directory with a shorter path." },
  );
}

// By descriptor, never by path: nothing can come between the file that was made and the file that is changed.
function setAttributes(descriptor: number, { mode, mtime }: Attributes): void {
  setFileTimes(descriptor, mtime);
  fchmodSync(descriptor, mode & KEPT_MODE);
}

// Plain ASCII is the same as a string and as bytes, and strings are faster.
function onDisk(path: string): string | Buffer {
  // oxlint-disable-next-line no-control-regex -- ASCII is the point
  return /^[\x00-\x7f]*$/.test(path) ? path : Buffer.from(path, "latin1");
}
