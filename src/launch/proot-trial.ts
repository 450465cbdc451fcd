// Whether PRoot can trace here, and how well, found out by having it show a small program a root of its own. Changes
// nothing that outlives it.

import { join } from "node:path";
import { reasonOf } from "../errors.ts";
import { runChild } from "../system/child.ts";
import { privateDirectory } from "../system/private-directory.ts";
import { findProgram } from "../system/programs.ts";
import { hasStart, writeStart } from "./start-helper.ts";
import { mayExecute } from "./start-trial.ts";

/** A PRoot that works here. */
export interface Tracer {
  readonly program: string;
  /** What it has to be told in its environment to work here. */
  readonly environment: Readonly<Record<string, string>>;
  /** The kernel shows it only the system calls that concern it; otherwise all of them stop for it. */
  readonly filtered: boolean;
  /** It does not know the newer system calls, which the server therefore must do without. */
  readonly old: boolean;
}

export type TracerTrial = Tracer | { readonly why: string };

type Environment = Readonly<Record<string, string>>;

const STALL_MS = 5_000;
const MAX_BYTES = 65_536;
const START = "start";

// What `check` ends with (proot-start.c).
const SOUND = 0;
const OLD = 3;
const PROBLEMS: Readonly<Record<number, string>> = {
  2: "proot shows its programs this machine's files",
  4: "proot is too old for today's programs, and no filter may keep newer system calls from them",
};

/** `directory` is a place for what a trial needs, on the file system that the server's root will be on. */
export async function tryTracer(searchPath: string, directory: string): Promise<TracerTrial> {
  const program = findProgram("proot", searchPath);
  if (program === undefined) return { why: "proot is not installed" };
  if (!hasStart()) return { why: `the runner cannot use it on ${process.arch}` };
  try {
    using place = privateDirectory(directory, "proot-trial-");
    writeStart(join(place.path, START));
    if (!mayExecute(join(place.path, START))) {
      return { why: `no program can be started from ${directory}: it is mounted noexec` };
    }
    const trial = await trace(program, place.path, {});
    if (!("why" in trial)) return trial;
    // Where the seccomp rules of a container get in the way of its own, PRoot does without them, and is slower.
    const unfiltered = await trace(program, place.path, { PROOT_NO_SECCOMP: "1" });
    return "why" in unfiltered ? trial : unfiltered;
  } catch (error) {
    return { why: reasonOf(error) };
  }
}

async function trace(
  program: string,
  place: string,
  environment: Environment,
): Promise<TracerTrial> {
  const argv = [program, "-v", "1", "-r", place, "-w", "/", `/${START}`, "check"];
  const env = { ...environment, PROOT_TMP_DIR: place };
  const ended = await runChild(argv, { env, stallMs: STALL_MS, maxBytes: MAX_BYTES });
  const { exitCode, unsafeStderr } = ended;
  if (exitCode === SOUND || exitCode === OLD) {
    const filtered = /ptrace acceleration \(seccomp mode 2\b.*enabled/.test(unsafeStderr);
    return { program, environment, filtered, old: exitCode === OLD };
  }
  const [, unsafeReason] = /^proot error: (.*)$/m.exec(unsafeStderr) ?? [];
  const why =
    unsafeReason?.slice(0, 200) ?? (exitCode === undefined ? undefined : PROBLEMS[exitCode]);
  return { why: why ?? `proot ended with ${exitCode ?? ended.signal}` };
}
