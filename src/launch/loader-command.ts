// What a command comes down to when no kernel may look for its interpreter: the chain of `#!` lines is followed here,
// to the ELF program at its end. Refuses what would leave the image, and reads nothing but files of the image.

import { posix } from "node:path";
import { findCommand, type Candidate, type CommandContext } from "./command-search.ts";
import { isElf, readElf } from "./elf.ts";
import { hasPayload } from "./elf-payload.ts";
import { asPath, envTarget, firstBytes, parseScript } from "./executable.ts";
import { refusedProgram } from "./loader-programs.ts";
import { passedOn } from "./loader-wrappers.ts";
import type { Entry, RootView } from "./root-view.ts";

export interface LoaderCommand {
  /** The ELF program; its name keeps its links, for a virtual environment is known by them. */
  readonly program: string;
  readonly entry: Entry;
  /** Its loader inside the image; absent for a static program. */
  readonly interpreter?: string;
  /** The program's arguments: what the `#!` lines say, the script, and the command's own. */
  readonly arguments: readonly string[];
}

type Problem = { readonly problem: string };

// As examineCommand has it, which has looked at the same chain before.
const MAX_DEPTH = 5;

/** Follows a command that examineCommand found runnable. A problem is a whole sentence. */
export function loaderCommand(
  view: RootView,
  argv: readonly [string, ...string[]],
  context: CommandContext,
): LoaderCommand | Problem {
  let [name, ...rest]: readonly string[] = argv;
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    const found = findCommand(view, name ?? "", context);
    if ("problem" in found) return found;
    const refusal = refused(found, rest);
    if (refusal !== undefined) return depth === 0 ? refusal : forScript(argv[0], refusal);
    const start = firstBytes(found.entry.hostPath);
    if (start === undefined) return { problem: `${found.program} may not be read` };
    if (isElf(start)) return elfCommand(found, rest);
    const passed = passedOn(view, { entry: found.entry, start }, rest, context);
    const next = passed === undefined ? scriptCommand(found, start, rest) : { argv: passed };
    if ("problem" in next) return next;
    [name, ...rest] = next.argv;
  }
  return { problem: `${argv[0]} ends too long a chain of #! lines` };
}

function refused({ program, entry }: Candidate, rest: readonly string[]): Problem | undefined {
  const names = [posix.basename(program), posix.basename(entry.path)];
  // `busybox sh` is a shell as much as a link of that name.
  const applet = names.includes("busybox") ? rest.slice(0, 1) : [];
  const problem = refusedProgram([...names, ...applet]);
  return problem === undefined ? undefined : { problem: `${program} ${problem}` };
}

function forScript(script: string, { problem }: Problem): Problem {
  return { problem: `${script} is a script, and ${problem}` };
}

function elfCommand(
  { program, entry }: Candidate,
  rest: readonly string[],
): LoaderCommand | Problem {
  const elf = readElf(entry.hostPath);
  if ("problem" in elf) return { problem: `${program} ${elf.problem}` };
  if (elf.interpreter === undefined) return { program, entry, arguments: rest };
  if (hasPayload(entry.hostPath)) {
    return {
      problem: `${program} carries files behind its own, and would look for them in its loader's`,
    };
  }
  return { program, entry, interpreter: elf.interpreter, arguments: rest };
}

function scriptCommand(
  { program }: Candidate,
  start: Buffer,
  rest: readonly string[],
): Problem | { readonly argv: readonly string[] } {
  const { interpreter, words } = parseScript(start);
  if (posix.basename(interpreter) !== "env") {
    // The kernel hands over the rest of the line as one argument.
    const option = words.length === 0 ? [] : [words.join(" ")];
    return { argv: [asPath(interpreter), ...option, program, ...rest] };
  }
  const target = envTarget(words);
  const at = target === undefined ? -1 : words.indexOf(target);
  const isPlain = words.slice(0, at).every((word) => word === "-S");
  if (target === undefined || !isPlain) {
    return {
      problem: `${program} is a script for env with options, which cannot be followed here`,
    };
  }
  return { argv: [target, ...words.slice(at + 1), program, ...rest] };
}
