// Whether programs can be started from a directory, found out by asking for one there. Changes nothing that outlives it.

import { accessSync, constants, writeFileSync } from "node:fs";
import { join } from "node:path";
import { reasonOf } from "../errors.ts";
import { privateDirectory } from "../system/private-directory.ts";
import { type Ability, fails, works } from "./ability.ts";

/**
 * `directory` is where servers' roots will be. A mount with noexec refuses every program on it, root's as well; Docker
 * mounts a --tmpfs like that unless it is told otherwise.
 */
export function tryToStart(directory: string): Ability {
  try {
    using place = privateDirectory(directory, "start-trial-");
    const program = join(place.path, "program");
    writeFileSync(program, "", { flag: "wx", mode: 0o700 });
    return mayExecute(program)
      ? works("programs can be started there")
      : fails(`no program can be started from ${directory}: it is mounted noexec`);
  } catch (error) {
    return fails(reasonOf(error));
  }
}

/** Whether a file that has the permission to be started may be: a mount can refuse. */
export function mayExecute(program: string): boolean {
  try {
    accessSync(program, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
