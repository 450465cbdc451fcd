// Finding the file that a command's name stands for in a root, as execvp would find it for the server's user.

import { posix } from "node:path";
import type { Identity } from "./ownership.ts";
import { resolveIn, type Entry, type RootView } from "./root-view.ts";

export interface CommandContext {
  /** The server's PATH. */
  readonly searchPath: string;
  /** Inside the root. */
  readonly workingDirectory: string;
  readonly identity: Identity;
}

/** A file that may be executed: `program` is the name to execve, its links kept. */
export interface Candidate {
  readonly program: string;
  readonly entry: Entry;
}

export interface Problem {
  /** A whole sentence that names the file and the reason; it holds names from the image. */
  readonly problem: string;
  /** There is no such file, as opposed to one that cannot be run. */
  readonly missing?: boolean;
  /** A file that the problem's own needs is missing: its interpreter or its loader. */
  readonly incomplete?: boolean;
  /** What to do about it, where that is another thing than usual. */
  readonly hint?: string;
}

/** Finds a command: along PATH when its name holds no slash. */
export function findCommand(
  view: RootView,
  command: string,
  context: CommandContext,
): Candidate | Problem {
  return command.includes("/") ? lookAt(view, command, context) : search(view, command, context);
}

/** Whether an argument names a program that a root has: a name that PATH finds, or an absolute path. */
export function namesProgram(view: RootView, argument: string, context: CommandContext): boolean {
  if (argument === "" || argument.startsWith("-")) return false;
  if (argument.includes("/") && !argument.startsWith("/")) return false;
  return !("problem" in findCommand(view, argument, context));
}

// What may not be executed is passed over, and remembered for the case that nothing else turns up.
function search(view: RootView, name: string, context: CommandContext): Candidate | Problem {
  let unusable: Problem | undefined;
  for (const directory of context.searchPath.split(":")) {
    const found = lookAt(view, posix.join(directory, name), context);
    if (!("problem" in found)) return found;
    if (found.missing !== true) unusable ??= found;
  }
  // In the image's configuration a command line is a list of words, or one for a shell.
  const isLine = /\s/.test(name) ? "; its spaces are part of one name" : "";
  const problem = `${name} is in no directory of PATH (${context.searchPath})${isLine}`;
  return unusable ?? { problem, missing: true };
}

function lookAt(view: RootView, path: string, context: CommandContext): Candidate | Problem {
  const program = path.startsWith("/") ? path : posix.resolve("/", context.workingDirectory, path);
  const resolution = resolveIn(view, program);
  if (resolution.kind === "missing" || resolution.kind === "not-a-directory") {
    const where = resolution.path === program ? "" : ` (it leads to ${resolution.path})`;
    const spelled = path.startsWith("/") ? "" : `, which is ${path} from the working directory,`;
    return { problem: `${program}${spelled} does not exist${where}`, missing: true };
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
