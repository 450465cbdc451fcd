// The last resort: a plan for the image's own root becomes one for this machine's, where the image's ELF loader starts
// the program with the image's libraries. Every refusal is a sentence, before anything is tried.

import { realpathSync } from "node:fs";
import { posix } from "node:path";
import { RunnerError, printable } from "../errors.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { type LoaderCommand, loaderCommand } from "./loader-command.ts";
import { loaderEnvironment, placedArgument, type LoaderPlace } from "./loader-environment.ts";
import { findLibraries, type LoaderKind } from "./loader-libraries.ts";
import { familyOf } from "./loader-programs.ts";
import { hostPathOf, privateRootView, resolveIn } from "./root-view.ts";

/** Told in whole sentences what a server may miss in this mode. */
export type LoaderWarning = (sentence: string) => void;

const WAY_OUT =
  "Another run mode has none of these limits: install proot, allow user namespaces (with bubblewrap or util-linux), or run the runner as root.";

// glibc takes both as ends of a directory, musl the first. https://man7.org/linux/man-pages/man8/ld.so.8.html
const LIST_SEPARATORS = /[:;]/;
// The loader would put directories of its own in the place of $ORIGIN and its kind.
const LOADER_SYNTAX = /[:;$]/;

/**
 * Plans the start from the tree that `place` names, where openLoaderRoot will have made it ready. Throws
 * RUN_MODE_UNAVAILABLE when the command cannot be started like that.
 */
export function planLoader(plan: LaunchPlan, warn: LoaderWarning): LaunchPlan {
  const root = loaderRoot(plan);
  if (LOADER_SYNTAX.test(root)) throw unavailable(`WORK_DIR must not hold any of ":;$": ${root}`);
  const view = privateRootView(plan.root);
  const place: LoaderPlace = { view, root };
  const command = commandOf(plan, place);
  const { libraryPath = "", loader } = start(command, plan, place);
  const program = hostPathOf(root, command.program);
  const args = command.arguments.map((argument) => placedArgument(argument, place));
  warnings(command, plan).forEach(warn);
  return {
    ...plan,
    program: loader ?? program,
    // The loader gives the program's path as its argv[0], and that is the only name that leads to its files from here:
    // Python finds its virtual environment by it. So nothing is left to be said by --argv0, which old loaders lack.
    argv:
      loader === undefined
        ? [program, ...args]
        : [loader, ...loaderOptions(command, libraryPath), program, ...args],
    environment: loaderEnvironment(plan.environment, place),
    workingDirectory: hostPathOf(root, plan.workingDirectory),
    relocated: {
      workingDirectory: plan.workingDirectory,
      home: plan.environment["HOME"] ?? plan.workingDirectory,
    },
  };
}

/** Where the server will find its files: the tree itself, or where it will have been copied when others use it too. */
export function loaderRoot({ root, scratch }: Pick<LaunchPlan, "root" | "scratch">): string {
  // Without links, as a process names its working directory.
  return scratch === undefined ? realpathSync(root) : posix.join(realpathSync(scratch), "copy");
}

function commandOf(plan: LaunchPlan, { view }: LoaderPlace): LoaderCommand {
  const [name = "", ...rest] = plan.argv;
  const found = loaderCommand(view, [name, ...rest], {
    searchPath: plan.environment["PATH"] ?? "",
    workingDirectory: plan.workingDirectory,
    identity: plan.identity,
  });
  if ("problem" in found) throw unavailable(found.problem);
  return found;
}

function start(
  { program, entry, interpreter }: LoaderCommand,
  { environment }: LaunchPlan,
  { view, root }: LoaderPlace,
): { readonly loader?: string; readonly libraryPath?: string } {
  if (interpreter === undefined) return {};
  const resolution = resolveIn(view, interpreter);
  if (resolution.kind !== "found")
    throw unavailable(`${program} needs the loader ${interpreter}, which the image lacks`);
  const libraries = findLibraries(entry, {
    view,
    kind: kindOf(interpreter),
    interpreter,
    searchPath: environment["LD_LIBRARY_PATH"] ?? "",
  });
  if ("problem" in libraries) throw unavailable(`${program} ${libraries.problem}`);
  const directories = libraries.directories.filter((path) => !LIST_SEPARATORS.test(path));
  return {
    loader: hostPathOf(root, resolution.entry.path),
    libraryPath: directories.map((path) => hostPathOf(root, path)).join(":"),
  };
}

function loaderOptions({ interpreter = "" }: LoaderCommand, libraryPath: string): string[] {
  const options = ["--library-path", libraryPath];
  // This machine's cache would name this machine's libraries.
  return kindOf(interpreter) === "glibc" ? ["--inhibit-cache", ...options] : options;
}

function kindOf(interpreter: string): LoaderKind {
  return posix.basename(interpreter).startsWith("ld-musl-") ? "musl" : "glibc";
}

// An unknown program is started all the same: where nothing else works the alternative is no server at all, and most
// compiled servers need their libraries and nothing else. What it needs besides nobody can know.
function warnings(
  { program, entry, interpreter }: LoaderCommand,
  { environment }: LaunchPlan,
): string[] {
  const isUnknown = interpreter !== undefined && familyOf(posix.basename(entry.path)) === "unknown";
  const dropped = Object.keys(environment).filter(
    (name) => name.startsWith("LD_") && name !== "LD_LIBRARY_PATH",
  );
  return [
    ...(isUnknown
      ? [
          `${program} is not known to work in this mode: what it looks for at absolute paths is this machine's`,
        ]
      : []),
    ...(dropped.length === 0
      ? []
      : [`${dropped.join(", ")} is left out: it would name this machine's libraries`]),
  ].map(printable);
}

function unavailable(unsafeProblem: string): RunnerError {
  return new RunnerError(
    "RUN_MODE_UNAVAILABLE",
    `run mode loader cannot start this server: ${printable(unsafeProblem)}`,
    { hint: WAY_OUT },
  );
}
