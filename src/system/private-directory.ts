// Directories that belong to this run alone and vanish with it.

import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  statfsSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { reasonOf } from "../errors.ts";
import { onExit } from "./cleanup.ts";
import { diskError, errnoOf } from "./disk-error.ts";

const SLASH = Buffer.from("/");

export interface PrivateDirectory extends Disposable {
  readonly path: string;
}

/**
 * Creates `<parent>/<prefix>XXXXXX` with mode 0700; it is removed when disposed, or on any way out.
 * Missing parents are created, for this user alone. Throws DISK_FULL and DISK_UNWRITABLE.
 */
export function privateDirectory(parent: string, prefix: string): PrivateDirectory {
  const path = createDirectory(parent, prefix);
  const owner = process.geteuid?.();
  const removal = onExit(() => {
    try {
      removeTree(path);
    } catch (error) {
      // Who has become another user since may not: a later run does.
      if (process.geteuid?.() === owner) throw error;
    }
  });
  return { path, [Symbol.dispose]: () => removal[Symbol.dispose]() };
}

function createDirectory(parent: string, prefix: string): string {
  try {
    mkdirSync(parent, { recursive: true, mode: 0o700 });
    return mkdtempSync(join(parent, prefix));
  } catch (cause) {
    const reason = errnoOf(cause) || reasonOf(cause);
    throw diskError(cause, {
      full: `there is no room for a directory in ${parent}`,
      unwritable: `no directory can be created in ${parent} (${reason})`,
    });
  }
}

const TMPFS_MAGIC = 0x01021994;
const STICKY = 0o1000;
const WRITABLE_BY_OTHERS = 0o022;

/** A directory for small secrets: on tmpfs where a writable one exists, so that they never reach a disk. */
export function memoryDirectory(environment: Readonly<Record<string, string>>): string {
  const candidates = [
    environment["XDG_RUNTIME_DIR"],
    "/dev/shm",
    "/run",
    environment["TMPDIR"],
    "/tmp",
  ];
  const usable = candidates
    .filter((path) => path !== undefined)
    .filter((path) => path.startsWith("/") && isWritable(path) && !isOthers(path));
  return usable.find((path) => statfsSync(path).type === TMPFS_MAGIC) ?? usable[0] ?? "/tmp";
}

// Whoever else may rename what lies in a directory could have a password written to a directory of theirs. Root meets
// another user's XDG_RUNTIME_DIR after a plain `su`.
function isOthers(directory: string): boolean {
  const { uid, mode } = statSync(directory);
  const isSafe = (mode & STICKY) !== 0 || (mode & WRITABLE_BY_OTHERS) === 0;
  return !isSafe || (uid !== 0 && uid !== process.geteuid?.());
}

/** Whether this user may create files in an existing directory. */
export function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The path itself where it exists, else the nearest directory above it that does. */
export function existingAncestor(path: string): string {
  return existsSync(path) || path === "/" ? path : existingAncestor(dirname(path));
}

/** Removes a tree, whatever modes its directories have; no symbolic link is followed. A missing path is fine. */
export function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // An image's directory may have mode 0000 or 0555, which its owner cannot empty.
    openDirectories(Buffer.from(path));
    rmSync(path, { recursive: true, force: true });
  }
}

// Names are bytes: a directory whose name is not UTF-8 must be found as well. Bun gives no file types beside names
// that are buffers.
function openDirectories(path: Buffer): void {
  if (!lstatSync(path).isDirectory()) return;
  chmodSync(path, 0o700);
  for (const name of readdirSync(path, { encoding: "buffer" })) {
    openDirectories(Buffer.concat([path, SLASH, name]));
  }
}
