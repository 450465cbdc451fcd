// What the server's argument vector is. Pure.

import { RunnerError } from "../errors.ts";

export interface CommandSource {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** What stood after `--`: replaces Cmd as it does in Docker, and Entrypoint stays. */
  readonly serverArguments: readonly string[];
}

/** Entrypoint, then the arguments after `--` or else Cmd. Throws COMMAND_MISSING when nothing names a program. */
export function commandOf(source: CommandSource): readonly [string, ...string[]] {
  const rest = source.serverArguments.length > 0 ? source.serverArguments : source.cmd;
  const [program, ...args] = [...source.entrypoint, ...rest];
  if (program === undefined || program === "") {
    throw new RunnerError(
      "COMMAND_MISSING",
      "the image names no command: Entrypoint and Cmd are empty",
    );
  }
  return [program, ...args];
}
