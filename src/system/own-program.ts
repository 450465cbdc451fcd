// What starts this compiled program again. It may have been started through a loader that is not the system's, as in a
// baked image, and would be nothing without it.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";

/** `ownArguments` is how many arguments the program itself has been given. */
export function ownProgram(ownArguments: number): readonly string[] {
  const { execPath } = process;
  const words = commandLine();
  // Before the arguments is the program; a loader has itself, its options and the program there.
  const [, ...rest] = words.slice(0, words.length - ownArguments);
  const program = rest.pop();
  return program === undefined ? [execPath] : [execPath, ...rest, resolve(program)];
}

function commandLine(): readonly string[] {
  try {
    return readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(0, -1);
  } catch {
    return [];
  }
}
