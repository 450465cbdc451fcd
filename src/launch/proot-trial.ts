// Whether PRoot can trace here, found out by having it trace itself. Changes nothing that outlives it.

import { runChild } from "../system/child.ts";
import { findProgram } from "../system/programs.ts";
import { PROOT_START_CODE } from "./proot-start-code.ts";

/** A PRoot that works here. */
export interface Tracer {
  readonly program: string;
  /** What it has to be told in its environment to work here. */
  readonly environment: Readonly<Record<string, string>>;
  /** The kernel shows it only the system calls that concern it; otherwise all of them stop for it. */
  readonly filtered: boolean;
}

export type TracerTrial = Tracer | { readonly why: string };

const STALL_MS = 5_000;
const MAX_BYTES = 65_536;

/** `workDirectory` is where PRoot may put what it needs for itself; where it does not exist yet, its own choice is /tmp. */
export async function tryTracer(
  searchPath: string,
  workDirectory: string | undefined,
): Promise<TracerTrial> {
  const program = findProgram("proot", searchPath);
  if (program === undefined) return { why: "proot is not installed" };
  if (PROOT_START_CODE[process.arch] === undefined) return { why: `not made for ${process.arch}` };
  const trial = await traceItself(program, workDirectory, {});
  if (!("why" in trial)) return trial;
  // Where the seccomp rules of a container get in the way of its own, PRoot does without them, and is slower.
  const unfiltered = await traceItself(program, workDirectory, { PROOT_NO_SECCOMP: "1" });
  return "why" in unfiltered ? trial : unfiltered;
}

async function traceItself(
  program: string,
  workDirectory: string | undefined,
  environment: Readonly<Record<string, string>>,
): Promise<TracerTrial> {
  // The program itself, asked for its version, is the one that is sure to be there.
  const argv = [program, "-v", "1", "-r", "/", "-w", "/", program, "--version"];
  const env = {
    ...environment,
    ...(workDirectory === undefined ? {} : { PROOT_TMP_DIR: workDirectory }),
  };
  const ended = await runChild(argv, { env, stallMs: STALL_MS, maxBytes: MAX_BYTES });
  if (ended.exitCode === 0) {
    const filtered = /ptrace acceleration \(seccomp mode 2\b.*enabled/.test(ended.unsafeStderr);
    return { program, environment, filtered };
  }
  const [, unsafeReason] = /^proot error: (.*)$/m.exec(ended.unsafeStderr) ?? [];
  return {
    why: unsafeReason?.slice(0, 200) ?? `proot ended with ${ended.exitCode ?? ended.signal}`,
  };
}
