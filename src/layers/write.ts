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
import { setFileTimes, setLinkTimes } from "../system/file-times.ts";
import type { Attributes, Body } from "./entry.ts";
import type { Budget } from "./limits.ts";
import { ROOT, type RootedPath, parentOf } from "./path.ts";

/** Setuid and setgid would be given to whoever the files belong to here, which is not whom the image meant. */
const KEPT_MODE = 0o1777;
const PRIVATE_DIRECTORY = 0o700;
const PRIVATE_FILE = 0o600;

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

const NUMBERED = "numbered";
const NAMED = "named";

/** What lies directly in one directory of a layer's private tree. */
export interface DirectoryShape {
  files: number;
  directories: number;
}

/** Every directory of a layer's private tree, by its path. */
export type LayerShape = ReadonlyMap<RootedPath, Readonly<DirectoryShape>>;

/**
 * The files of one layer as they stream in, in a private tree without a single link: cleaned paths cannot lead out of
 * it. A file whose name is taken there, or cannot be had, gets a number instead.
 */
export class Bodies implements Disposable {
  readonly #directory: string;
  readonly #budget: Budget;
  readonly #shape = new Map<RootedPath, DirectoryShape>();
  #numbered = 0;
  #descriptor: number | undefined;

  /** `directory` must not exist. */
  constructor(directory: string, budget: Budget) {
    this.#directory = directory;
    this.#budget = budget;
    for (const path of [directory, `${directory}/${NAMED}`, `${directory}/${NUMBERED}`]) {
      mkdirSync(onDisk(path), PRIVATE_DIRECTORY);
    }
    this.#shape.set(ROOT, { files: 0, directories: 0 });
  }

  get shape(): LayerShape {
    return this.#shape;
  }

  begin(path: RootedPath): Body {
    const parent = this.#makeDirectory(parentOf(path));
    if (parent !== undefined && this.#create(path)) {
      parent.files += 1;
      return path;
    }
    this.#numbered += 1;
    if (!this.#create(this.#numbered)) throw new Error("a body's number is taken");
    return this.#numbered;
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      at += writeSync(this.#open(), bytes, at, bytes.length - at);
    }
  }

  end(attributes: Attributes): void {
    setAttributes(this.#open(), attributes);
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    if (this.#descriptor === undefined) return;
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #makeDirectory(path: RootedPath): DirectoryShape | undefined {
    const known = this.#shape.get(path);
    if (known !== undefined) return known;
    const parent = this.#makeDirectory(parentOf(path));
    if (parent === undefined) return undefined;
    this.#budget.countDirectory(path.length);
    if (!succeeds(() => createDirectory(bodyPath(this.#directory, path)))) return undefined;
    const made = { files: 0, directories: 0 };
    this.#shape.set(path, made);
    parent.directories += 1;
    return made;
  }

  #create(body: Body): boolean {
    const path = onDisk(bodyPath(this.#directory, body));
    return succeeds(() => {
      this.#descriptor = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, PRIVATE_FILE);
    });
  }

  #open(): number {
    if (this.#descriptor === undefined) throw new Error("no body has begun");
    return this.#descriptor;
  }
}

/** Whether a name could be had; false where something else has it, or where no name can be that long. */
function succeeds(create: () => void): boolean {
  try {
    create();
    return true;
  } catch (error) {
    if (["EEXIST", "EISDIR", "ENOTDIR", "ENAMETOOLONG"].includes(errorCode(error))) return false;
    throw error;
  }
}

/** Where a body, or a directory of bodies, lies; `directory` is its layer's. */
export function bodyPath(directory: string, body: Body): string {
  if (typeof body === "number") return `${directory}/${NUMBERED}/${body}`;
  return body === ROOT ? `${directory}/${NAMED}` : `${directory}/${NAMED}/${body}`;
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
  const descriptor = openSync(onDisk(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, PRIVATE_FILE);
  try {
    setAttributes(descriptor, { ...attributes, mode: 0 });
  } finally {
    closeSync(descriptor);
  }
}

/** Another name of the same inode; false if the filesystem will have no more of them. A link is never followed. */
export function tryHardLink(existing: string, path: string): boolean {
  try {
    linkSync(onDisk(existing), onDisk(path));
    return true;
  } catch (error) {
    if (!["EMLINK", "EPERM", "EXDEV", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(errorCode(error)))
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
  switch (errorCode(error)) {
    case "ENOSPC":
    case "EDQUOT":
      return new RunnerError("DISK_FULL", `there is no room left for the image in ${directory}`, {
        cause: error,
      });
    case "EROFS":
    case "EACCES":
    case "EPERM":
      return new RunnerError("DISK_UNWRITABLE", `the image cannot be written to ${directory}`, {
        cause: error,
      });
    case "ENAMETOOLONG":
      return new RunnerError(
        "LIMIT_EXCEEDED",
        `a path below ${directory} is too long for this system`,
        {
          cause: error,
          hint: "Set WORK_DIR to a directory with a shorter path.",
        },
      );
    default:
      return error;
  }
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

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
