// Directories of runs: each belongs to the process that made it for as long as that process lives, through execve,
// which keeps the process and its start time. What a dead run left behind is removed by a later one.

import { lstatSync, readdirSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RunnerError } from "../errors.ts";
import {
  existingAncestor,
  isWritable,
  type PrivateDirectory,
  privateDirectory,
  removeTree,
} from "./private-directory.ts";
import { identityIn, lifeOf, ownIdentity } from "./process-identity.ts";

/** What the names of a run's directories begin with: its files, and its secrets elsewhere. */
export type RunPrefix = "run-" | "fastmcp-runner-auth-";

export interface WorkDirectoryChoice {
  /** WORK_DIR, which is used as it is. */
  readonly configured: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
}

/** Where the container image keeps private roots, and where root keeps them on a host. */
const SYSTEM_CACHE = "/var/cache/fastmcp-runner";

/** The directory below which runs have their own: on a disk, since an unpacked image is large. */
export function workDirectory({ configured, environment }: WorkDirectoryChoice): string {
  if (configured !== undefined) return configured;
  if (process.geteuid?.() === 0 || isWritable(SYSTEM_CACHE)) return SYSTEM_CACHE;
  const { XDG_CACHE_HOME: cache, HOME: home, TMPDIR: temporary = "/tmp" } = environment;
  const own = cache ?? (home && join(home, ".cache"));
  // Below a shared temporary directory the name must be the user's own.
  return own === undefined || !isWritable(existingAncestor(own))
    ? join(temporary, `fastmcp-runner-${process.geteuid?.()}`)
    : join(own, "fastmcp-runner");
}

/**
 * Creates a directory below `parent` that bears this process's identity. Throws DISK_FULL and DISK_UNWRITABLE, also
 * where another user has put `parent` into a shared directory, who could exchange what is written there.
 */
export function runDirectory(parent: string, prefix: RunPrefix = "run-"): PrivateDirectory {
  const directory = privateDirectory(parent, `${prefix}${ownIdentity()}-`);
  if (!isPlanted(parent)) return directory;
  directory[Symbol.dispose]();
  throw new RunnerError("DISK_UNWRITABLE", `${parent} belongs to another user`, {
    hint: "Set WORK_DIR to a directory of your own.",
  });
}

/**
 * Removes what dead runs of this user left below `parent`. Runs of another process namespace of this boot may be
 * containers that share the directory: they are left alone, as is what other users left, unless nobody else can use it.
 * Returns what could not be removed.
 */
export async function sweepRunDirectories(
  parent: string,
  options: { readonly exclusive: boolean; readonly prefix?: RunPrefix },
): Promise<readonly string[]> {
  const { exclusive, prefix = "run-" } = options;
  const stuck: string[] = [];
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue;
    const owner = identityIn(name.slice(prefix.length));
    if (owner === undefined) continue;
    const life = lifeOf(owner);
    const path = join(parent, name);
    if (life === "alive" || (life === "elsewhere" && !exclusive)) continue;
    if (!isOwn(path) && !exclusive) continue;
    try {
      // A signal must be heard meanwhile: it may be a large image's tree.
      await rm(path, { recursive: true, force: true }).catch(() => removeTree(path));
    } catch {
      // A mount in it, or a file that another user had made: no reason not to start this server.
      stuck.push(path);
    }
  }
  return stuck;
}

function isOwn(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.uid === process.geteuid?.();
}

const STICKY_AND_SHARED = 0o1002;
const ROOT = 0;

// In /tmp anyone can be the first to take a name; what root or this user has made there nobody else can exchange.
function isPlanted(path: string): boolean {
  const isShared = (statSync(dirname(path)).mode & STICKY_AND_SHARED) === STICKY_AND_SHARED;
  return isShared && !isOwn(path) && lstatSync(path).uid !== ROOT;
}
