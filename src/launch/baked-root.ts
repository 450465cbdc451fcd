// A root filesystem that is one image's own and will be somebody's `/` as it is: made ready once, where it is baked,
// because nothing may be written there when the server starts.

import { chmodSync, chownSync, lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RunnerError, reasonOf } from "../errors.ts";
import { diskError, errnoOf } from "../system/disk-error.ts";
import { readSmallFile } from "../system/small-file.ts";
import { furnishDirectories } from "./furnish-root.ts";
import { giveTree, type Identity } from "./ownership.ts";
import { prepareHome, prepareWorkingDirectory } from "./working-directory.ts";

/** The runner's own directory in such a root. */
const RUNNER_DIRECTORY = "/.fastmcp-runner";
/** What the image was and how its server is started. */
export const BAKED_IMAGE_FILE = `${RUNNER_DIRECTORY}/image.json`;

// An image's config may have 8 MiB by default, and more when somebody asks for it.
const MAX_BYTES = 64 * 1024 * 1024;
const ROOT_USER = 0;

export interface BakedRoot {
  /** The server's user. */
  readonly owner: Identity;
  /** The image's. */
  readonly unsafeWorkingDirectory: string;
  readonly unsafeHome: string;
  /** The content of BAKED_IMAGE_FILE. */
  readonly description: string;
}

/**
 * Makes a fresh tree one that a server can be started in as it is: given to its user, with the directories that it
 * needs, and with its description, which stays its maker's. Returns why the server has no home there, as a sentence.
 * Throws IMAGE_UNSUPPORTED, WORKDIR_UNUSABLE, DISK_*.
 */
export function bakeRoot(
  root: string,
  { owner, unsafeWorkingDirectory, unsafeHome, description }: BakedRoot,
): string | undefined {
  const directory = join(root, RUNNER_DIRECTORY);
  // Whatever it is, a link included: what the runner will believe must not be the image's.
  if (lstatSync(directory, { throwIfNoEntry: false }) !== undefined) {
    throw new RunnerError(
      "IMAGE_UNSUPPORTED",
      `the image has a ${RUNNER_DIRECTORY} of its own, which is where the runner describes a baked image`,
      {
        hint: "Bake the image that was baked into this one, not this one again.",
        stage: "extract",
      },
    );
  }
  try {
    giveTree(root, owner);
    furnishDirectories(root);
    const whose = { identity: owner, owns: () => true };
    prepareWorkingDirectory(root, unsafeWorkingDirectory, whose);
    const homeless = prepareHome(root, unsafeHome, whose);
    mkdirSync(directory, { mode: 0o755 });
    writeFileSync(join(root, BAKED_IMAGE_FILE), description, { flag: "wx", mode: 0o644 });
    // Builders differ in whose the copy's root is; the server's, it could exchange the directory. What an image says
    // about its root's mode is for an owner that this one has no more.
    if (process.geteuid?.() === ROOT_USER) chownSync(root, ROOT_USER, ROOT_USER);
    chmodSync(root, 0o755);
    return homeless;
  } catch (cause) {
    if (cause instanceof RunnerError) throw cause;
    const message = `the image's root cannot be made ready: ${reasonOf(cause)}`;
    const unwritableHint = "Bake as root, as a build usually does, or in a directory of your own.";
    throw diskError(cause, { full: message, unwritable: message, unwritableHint });
  }
}

/** The description of the image that `/` is, or undefined where it is none. Throws IMAGE_INVALID. */
export async function readBakedDescription(): Promise<Uint8Array | undefined> {
  let problem = "it is too large";
  try {
    const bytes = await readSmallFile(BAKED_IMAGE_FILE, MAX_BYTES);
    if (bytes !== undefined) return bytes;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errnoOf(error))) return undefined;
    problem = reasonOf(error);
  }
  throw new RunnerError("IMAGE_INVALID", `${BAKED_IMAGE_FILE} cannot be read: ${problem}`);
}
