// Whether a command can start in a root, found out before it is tried: the search along PATH, the file, its ELF
// interpreter or its chain of `#!` lines. Every refusal is a sentence that names the file and the reason.

import { closeSync, openSync, readSync } from "node:fs";
import { posix } from "node:path";
import { RunnerError, printable } from "../errors.ts";
import { isElf, readElf } from "./elf.ts";
import type { Identity } from "./ownership.ts";
import { resolveIn, type Entry, type RootView } from "./root-view.ts";

export interface CommandContext {
  /** The server's PATH. */
  readonly searchPath: string;
  /** Inside the root, absolute. */
  readonly workingDirectory: string;
  readonly identity: Identity;
}

export type Examination =
  /** `program` is the name to execve, its links kept; `files` are the program and everything that it needs to start. */
  | { readonly runnable: true; readonly program: string; readonly files: readonly Entry[] }
  | {
      readonly runnable: false;
      readonly code: "COMMAND_NOT_FOUND" | "COMMAND_NOT_RUNNABLE";
      readonly problem: string;
    };

// The kernel gives up at the fifth interpreter of an interpreter.
// https://github.com/torvalds/linux/blob/v6.12/fs/exec.c#L1797
const MAX_DEPTH = 4;
const FIRST_LINE_BYTES = 256;

/** Looks at what a command would start in a root, without starting it. */
export function examineCommand(
  view: RootView,
  command: string,
  context: CommandContext,
): Examination {
  const found = command.includes("/")
    ? lookAt(view, posix.resolve(context.workingDirectory, command), context)
    : search(view, command, context);
  if ("problem" in found) return refusal(found);
  const files: Entry[] = [];
  const problem = examineFile(view, found, context, files, 0);
  return problem === undefined
    ? { runnable: true, program: found.program, files }
    : refusal(problem);
}

/** Whether an argument names a program that one root has: a name that PATH finds or an absolute path to an executable. */
export function namesProgram(view: RootView, argument: string, context: CommandContext): boolean {
  if (
    argument === "" ||
    argument.startsWith("-") ||
    (argument.includes("/") && !argument.startsWith("/"))
  )
    return false;
  const found = argument.startsWith("/")
    ? lookAt(view, argument, context)
    : search(view, argument, context);
  return !("problem" in found);
}

/** Passes a runnable command through; throws COMMAND_NOT_FOUND or COMMAND_NOT_RUNNABLE for any other. */
export function requireRunnable(
  examination: Examination,
): Examination & { readonly runnable: true } {
  if (examination.runnable) return examination;
  throw new RunnerError(examination.code, examination.problem);
}

interface Candidate {
  readonly program: string;
  readonly entry: Entry;
}

interface Problem {
  readonly problem: string;
  readonly missing?: boolean;
}

function refusal({ problem, missing = false }: Problem): Examination {
  const code = missing ? "COMMAND_NOT_FOUND" : "COMMAND_NOT_RUNNABLE";
  return { runnable: false, code, problem: printable(problem) };
}

// As execvp does it: what may not be executed is passed over, and remembered for the case that nothing else turns up.
function search(view: RootView, name: string, context: CommandContext): Candidate | Problem {
  let unusable: Problem | undefined;
  for (const directory of context.searchPath.split(":")) {
    const found = lookAt(view, posix.resolve(context.workingDirectory, directory, name), context);
    if (!("problem" in found)) return found;
    if (found.missing !== true) unusable ??= found;
  }
  return (
    unusable ?? {
      problem: `${name} is in no directory of PATH (${context.searchPath})`,
      missing: true,
    }
  );
}

function lookAt(view: RootView, program: string, context: CommandContext): Candidate | Problem {
  const resolution = resolveIn(view, program);
  if (resolution.kind === "missing" || resolution.kind === "not-a-directory") {
    const where = resolution.path === program ? "" : ` (it leads to ${resolution.path})`;
    return { problem: `${program} does not exist${where}`, missing: true };
  }
  if (resolution.kind === "loop") return { problem: `${program} is a loop of links` };
  const { entry } = resolution;
  if (entry.stats.isDirectory()) return { problem: `${program} is a directory` };
  if (!entry.stats.isFile()) return { problem: `${program} is not a regular file` };
  if (!mayExecute(entry, context.identity)) return { problem: `${program} is not executable` };
  return { program, entry };
}

// An image's own files belong to the server by the time it starts; the runner's belong to whom they did.
function mayExecute({ stats, origin }: Entry, identity: Identity): boolean {
  if (origin === "image" || stats.uid === identity.uid) return (stats.mode & 0o100) !== 0;
  if (stats.gid === identity.gid) return (stats.mode & 0o010) !== 0;
  return (stats.mode & 0o001) !== 0;
}

function examineFile(
  view: RootView,
  { program, entry }: Candidate,
  context: CommandContext,
  files: Entry[],
  depth: number,
): Problem | undefined {
  files.push(entry);
  const start = firstBytes(entry.hostPath);
  if (start === undefined) return undefined;
  if (start.length === 0) return { problem: `${program} is empty` };
  if (isElf(start)) return examineElf(view, program, entry, context, files);
  if (start.toString("latin1", 0, 2) !== "#!") {
    return { problem: `${program} is neither an ELF program nor a script that starts with #!` };
  }
  if (depth === MAX_DEPTH)
    return { problem: `${program} is the end of too long a chain of #! lines` };
  return examineScript(view, program, start, { context, files, depth });
}

function examineElf(
  view: RootView,
  program: string,
  entry: Entry,
  context: CommandContext,
  files: Entry[],
): Problem | undefined {
  const elf = readElf(entry.hostPath);
  if ("problem" in elf) return { problem: `${program} ${elf.problem}` };
  if (!elf.runsHere)
    return { problem: `${program} is built for ${elf.machine}, not for this machine` };
  if (elf.interpreter === undefined) return undefined;
  const loader = lookAt(view, posix.resolve(context.workingDirectory, elf.interpreter), context);
  if ("problem" in loader) {
    return { problem: `${program} needs the loader ${elf.interpreter}, but ${loader.problem}` };
  }
  files.push(loader.entry);
  return undefined;
}

interface ScriptContext {
  readonly context: CommandContext;
  readonly files: Entry[];
  readonly depth: number;
}

function examineScript(
  view: RootView,
  program: string,
  start: Buffer,
  { context, files, depth }: ScriptContext,
): Problem | undefined {
  const line = start.toString("utf8").slice(2).split("\n", 1)[0] ?? "";
  const [interpreter = "", ...words] = line.trim().split(/[ \t]+/);
  if (interpreter === "") return { problem: `${program} names no interpreter in its #! line` };
  if (line.endsWith("\r")) {
    return {
      problem: `${program} has Windows line endings, so its interpreter would be "${interpreter}\\r"`,
    };
  }
  const found = lookAt(view, posix.resolve(context.workingDirectory, interpreter), context);
  if ("problem" in found)
    return { problem: `${program} is a script for ${interpreter}, but ${found.problem}` };
  const problem = examineFile(view, found, context, files, depth + 1);
  if (problem !== undefined)
    return { problem: `${program} is a script for ${interpreter}, but ${problem.problem}` };
  const wanted = posix.basename(interpreter) === "env" ? envTarget(words) : undefined;
  return wanted === undefined
    ? undefined
    : examineEnvTarget(view, program, wanted, { context, files, depth });
}

// `#!/usr/bin/env python3` asks for python3, and a root that has env but no python3 cannot start the script.
function examineEnvTarget(
  view: RootView,
  program: string,
  wanted: string,
  { context, files, depth }: ScriptContext,
): Problem | undefined {
  const found = wanted.includes("/")
    ? lookAt(view, posix.resolve(context.workingDirectory, wanted), context)
    : search(view, wanted, context);
  const problem = "problem" in found ? found : examineFile(view, found, context, files, depth + 1);
  return problem === undefined
    ? undefined
    : { problem: `${program} is a script for ${wanted}, but ${problem.problem}` };
}

// The first word that is neither an option nor an assignment.
function envTarget(words: readonly string[]): string | undefined {
  return words.find((word) => !word.startsWith("-") && !word.includes("="));
}

// Nothing for a file that may be executed but not read: the kernel can start it, and nobody can check it.
function firstBytes(hostPath: string): Buffer | undefined {
  try {
    const descriptor = openSync(hostPath, "r");
    try {
      const buffer = Buffer.alloc(FIRST_LINE_BYTES);
      return buffer.subarray(0, readSync(descriptor, buffer, 0, FIRST_LINE_BYTES, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
}
