// Whether a command can start in a root, found out before it is tried: the file, its ELF interpreter or its chain of
// `#!` lines. Every refusal is a sentence that names the file and the reason.

import { closeSync, openSync, readSync } from "node:fs";
import { posix } from "node:path";
import { RunnerError, printable } from "../errors.ts";
import {
  findCommand,
  type Candidate,
  type CommandContext,
  type Problem,
} from "./command-search.ts";
import { isElf, readElf } from "./elf.ts";
import type { Entry, RootView } from "./root-view.ts";

export type Examination =
  /** `program` is the name to execve, its links kept; `files` are the program and everything that it needs to start. */
  | { readonly runnable: true; readonly program: string; readonly files: readonly Entry[] }
  | {
      readonly runnable: false;
      readonly code: "COMMAND_NOT_FOUND" | "COMMAND_NOT_RUNNABLE";
      readonly problem: string;
      /** Some file is missing, which another root may have. */
      readonly lacks: boolean;
      readonly hint?: string;
    };

// The kernel gives up at the fifth interpreter of an interpreter, and reads this much of a script.
// https://github.com/torvalds/linux/blob/v6.12/fs/exec.c#L1797
const MAX_DEPTH = 4;
const FIRST_LINE_BYTES = 256;

// Who mixes the two in one image sees a program that is there and is not found.
const LIBRARIES = [
  { loader: /\/ld-musl-/, name: "musl (Alpine's C library)" },
  { loader: /\/ld-linux/, name: "glibc (the C library of Debian and most others)" },
];
const OWN_MACHINE: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** Looks at what a command would start in a root, without starting it. */
export function examineCommand(
  view: RootView,
  command: string,
  context: CommandContext,
): Examination {
  const found = findCommand(view, command, context);
  if ("problem" in found) return refusal(found);
  const files: Entry[] = [];
  const problem = problemOf(found, { view, context, files, depth: 0 });
  return problem === undefined
    ? { runnable: true, program: found.program, files }
    : refusal(problem);
}

/**
 * Passes a runnable command through; throws COMMAND_NOT_FOUND or COMMAND_NOT_RUNNABLE for any other. `about` is for a
 * root that lacks some of the image's files.
 */
export function requireRunnable(
  examination: Examination,
  about: { readonly lack: string; readonly hint: string } | undefined = undefined,
): Examination & { readonly runnable: true } {
  if (examination.runnable) return examination;
  const { code, problem, lacks, hint } = examination;
  throw about !== undefined && lacks
    ? new RunnerError(code, `${about.lack}: ${problem}`, { hint: about.hint })
    : new RunnerError(code, problem, hint === undefined ? {} : { hint });
}

interface Search {
  readonly view: RootView;
  readonly context: CommandContext;
  /** What has been found to be needed so far. */
  readonly files: Entry[];
  readonly depth: number;
}

function refusal({ problem, missing = false, incomplete = false, hint }: Problem): Examination {
  return {
    runnable: false,
    code: missing ? "COMMAND_NOT_FOUND" : "COMMAND_NOT_RUNNABLE",
    problem: printable(problem),
    lacks: missing || incomplete,
    ...(hint === undefined ? {} : { hint }),
  };
}

function problemOf({ program, entry }: Candidate, search: Search): Problem | undefined {
  search.files.push(entry);
  const start = firstBytes(entry.hostPath);
  if (start === undefined) return undefined;
  if (start.length === 0) return { problem: `${program} is an empty file` };
  if (isElf(start)) return elfProblem(program, entry, search);
  if (start.toString("latin1", 0, 2) !== "#!") {
    return { problem: `${program} is neither an ELF program nor a script that starts with #!` };
  }
  if (search.depth === MAX_DEPTH) {
    return { problem: `${program} ends too long a chain of #! lines` };
  }
  return scriptProblem(program, start, search);
}

function elfProblem(program: string, entry: Entry, search: Search): Problem | undefined {
  const elf = readElf(entry.hostPath);
  if ("problem" in elf) return { problem: `${program} ${elf.problem}` };
  if (!elf.runsHere) {
    const own = OWN_MACHINE[process.arch] ?? process.arch;
    const problem = `${program} is built for ${elf.machine}, and this machine is ${own}`;
    return { problem, hint: `Leave PLATFORM empty, and name an image for linux/${own}.` };
  }
  if (elf.interpreter === undefined) return undefined;
  const loader = findCommand(search.view, asPath(elf.interpreter), search.context);
  if (!("problem" in loader)) {
    search.files.push(loader.entry);
    return undefined;
  }
  if (loader.missing !== true) {
    return { problem: `${program} needs the loader ${elf.interpreter}, but ${loader.problem}` };
  }
  const library = LIBRARIES.find(({ loader: name }) => name.test(elf.interpreter ?? ""))?.name;
  const builtFor = library === undefined ? "" : `, being built for ${library}`;
  return {
    problem: `${program} needs the loader ${elf.interpreter}${builtFor}, and there is no such file`,
    incomplete: true,
  };
}

function scriptProblem(program: string, start: Buffer, search: Search): Problem | undefined {
  const { interpreter, words, isDos } = parseScript(start);
  if (interpreter === "") return { problem: `${program} names no interpreter in its #! line` };
  const wanted = posix.basename(interpreter) === "env" ? envTarget(words) : undefined;
  if (isDos) {
    const name = words.at(-1) ?? interpreter;
    return {
      problem: `${program} has Windows line endings, so it would be a script for "${name}\\r"`,
      hint: "Save the script with Unix line endings (LF) and build the image again.",
    };
  }
  return (
    interpreterProblem(program, asPath(interpreter), search) ??
    // `#!/usr/bin/env python3` asks for python3, and a root that has env but no python3 cannot start the script.
    (wanted === undefined ? undefined : interpreterProblem(program, wanted, search))
  );
}

function interpreterProblem(program: string, name: string, search: Search): Problem | undefined {
  const found = findCommand(search.view, name, search.context);
  const problem =
    "problem" in found ? found : problemOf(found, { ...search, depth: search.depth + 1 });
  if (problem === undefined) return undefined;
  const { missing = false, incomplete = missing, ...rest } = problem;
  const sentence = `${program} is a script for ${name}, but ${problem.problem}`;
  return { ...rest, incomplete, problem: sentence };
}

/** What the `#!` line at the start of a script says. */
export function parseScript(start: Buffer): {
  readonly interpreter: string;
  readonly words: readonly string[];
  readonly isDos: boolean;
} {
  const line = start.toString("utf8").slice(2).split("\n", 1)[0] ?? "";
  const [interpreter = "", ...words] = line.trim().split(/[ \t]+/);
  return { interpreter, words, isDos: line.endsWith("\r") };
}

/** The kernel looks for no interpreter along PATH: a bare name is one in the working directory. */
export function asPath(name: string): string {
  return name.includes("/") ? name : `./${name}`;
}

/** The program that `env` is to start, as far as it can be told: with other options than -S it cannot. */
export function envTarget(words: readonly string[]): string | undefined {
  const split = words[0] === "-S" ? words.slice(1) : words;
  const target = split.find((word) => !word.includes("="));
  const known =
    target?.startsWith("-") === false && !split.some((word) => word.startsWith("PATH="));
  return known ? target : undefined;
}

/**
 * The first bytes of a file, as many as the kernel looks at. Nothing for a file that may be executed but not read: the
 * kernel can start it, and nobody can check it.
 */
export function firstBytes(hostPath: string): Buffer | undefined {
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
