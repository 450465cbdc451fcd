// Shell scripts that do nothing but become their arguments, as the entrypoints of many images do: no shell is needed to
// know what they start. A script with one line more is not one of them.

import { posix } from "node:path";
import { findCommand, type CommandContext } from "./command-search.ts";
import { parseScript, envTarget } from "./executable.ts";
import { findIn, textIn, type Entry, type RootView } from "./root-view.ts";

const MAX_BYTES = 65_536;
const SHELL = /^(?:ba|da|a)?sh$/;
const OPTIONS = /^set (?:-[eu]+|-o pipefail|-[eu]+o pipefail)$/;
const BECOME_ARGUMENTS = 'exec "$@"';

// The image of Node starts its arguments with `node` when they name no program themselves, and so do those that were
// made after its example. https://github.com/nodejs/docker-node/blob/v22.14.0/docker-entrypoint.sh
const NO_COMMAND =
  'if [ "${1#-}" != "${1}" ] || [ -z "$(command -v "${1}")" ] || { [ -f "${1}" ] && ! [ -x "${1}" ]; }; then';
const PROGRAM_FIRST = /^set -- ([\w./-]+) "\$@"$/;

/** What such a script becomes with these arguments; nothing for any other script. */
export function passedOn(
  view: RootView,
  script: { readonly entry: Entry; readonly start: Buffer },
  args: readonly string[],
  context: CommandContext,
): readonly string[] | undefined {
  if (!isForShell(script.start)) return undefined;
  const lines = textIn(view, script.entry.path, MAX_BYTES)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#") && !OPTIONS.test(line));
  if (lines.at(-1) !== BECOME_ARGUMENTS) return undefined;
  if (lines.length === 1) return args.length === 0 ? undefined : args;
  const [condition, assignment = "", end] = lines;
  const [, program] = PROGRAM_FIRST.exec(assignment) ?? [];
  if (lines.length !== 4 || condition !== NO_COMMAND || end !== "fi" || program === undefined)
    return undefined;
  return namesCommand(view, args[0] ?? "", context) ? args : [program, ...args];
}

function isForShell(start: Buffer): boolean {
  const { interpreter, words } = parseScript(start);
  const isByEnv = posix.basename(interpreter) === "env";
  const options = isByEnv ? words.slice(1) : words;
  const shell = isByEnv ? (envTarget(words) ?? "") : interpreter;
  return SHELL.test(posix.basename(shell)) && options.every((option) => /^-[eu]+$/.test(option));
}

// The condition above, the other way round.
function namesCommand(view: RootView, name: string, context: CommandContext): boolean {
  if (name === "" || name.startsWith("-")) return false;
  if ("problem" in findCommand(view, name, context)) return false;
  const file = findIn(view, posix.resolve("/", context.workingDirectory, name));
  return file === undefined || !file.stats.isFile() || (file.stats.mode & 0o111) !== 0;
}
