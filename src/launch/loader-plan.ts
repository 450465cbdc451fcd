// The last resort: a plan for the image's own root becomes one for this machine's, where the image's ELF loader starts
// the program with the image's libraries. Every refusal is a sentence, before anything is tried.

import { realpathSync } from "node:fs";
import { posix } from "node:path";
import { RunnerError, printable } from "../errors.ts";
import { type OwnLoader, takesLoader } from "./elf-patch.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { type LoaderCommand, loaderCommand } from "./loader-command.ts";
import {
  homeIn,
  loaderEnvironment,
  placedArgument,
  type LoaderPlace,
} from "./loader-environment.ts";
import { loaderKind } from "./loader-kind.ts";
import { findLibraries, fitsLibraryPath } from "./loader-libraries.ts";
import { familyOf, refusedLibraries } from "./loader-programs.ts";
import { findIn, hostPathOf, privateRootView } from "./root-view.ts";

/** Told in whole sentences what a server may miss in this mode. */
export type LoaderWarning = (sentence: string) => void;

const WAY_OUT =
  "Another run mode has none of these limits: install proot, allow user namespaces (with bubblewrap or util-linux), or run the runner as root.";

/**
 * Plans the start from where openLoaderRoot will have made the tree ready. Throws RUN_MODE_UNAVAILABLE when the command
 * cannot be started like that.
 */
export function planLoader(plan: LaunchPlan, warn: LoaderWarning): LaunchPlan {
  const root = loaderRoot(plan);
  if (!fitsLibraryPath(root)) throw unavailable(`WORK_DIR must not hold any of ":;$": ${root}`);
  const view = privateRootView(plan.root);
  const place: LoaderPlace = { view, root };
  const command = commandOf(plan, place);
  const program = hostPathOf(root, command.program);
  const loader = loaderOf(command, plan, place);
  // Its path is the only name that leads to a program's files from here: Python finds its virtual environment by it. So
  // it is argv[0], whoever starts the program.
  const argv = [
    ...(loader === undefined || loader.isTaken ? [] : loader.arguments),
    program,
    ...command.arguments.map((argument) => placedArgument(argument, place)),
  ];
  warnings(command, plan, loader).forEach(warn);
  return {
    ...plan,
    program: argv[0] ?? program,
    argv,
    environment: loaderEnvironment(plan.environment, place),
    workingDirectory: hostPathOf(root, plan.workingDirectory),
    relocated: {
      workingDirectory: plan.workingDirectory,
      home: homeIn(plan.environment),
      ...(loader?.isTaken === true ? { ownLoader: ownLoaderOf(loader, command) } : {}),
    },
  };
}

/** Where the server will find its files: the tree itself, or where it will have been copied when others use it too. */
export function loaderRoot({ root, scratch }: Pick<LaunchPlan, "root" | "scratch">): string {
  // Without links, as a process names its working directory.
  return scratch === undefined ? realpathSync(root) : posix.join(realpathSync(scratch), "copy");
}

function ownLoaderOf({ interpreter, libraryPath }: FoundLoader, { entry }: LoaderCommand) {
  return { path: entry.path, interpreter, libraryPath };
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

interface FoundLoader extends OwnLoader {
  /** The program's file takes it, so that the kernel finds it there. */
  readonly isTaken: boolean;
  /** What starts the program otherwise, in front of its path. */
  readonly arguments: readonly string[];
}

/** The loader of a program and what it has to be told; nothing for a static one. */
function loaderOf(
  { program, entry, interpreter }: LoaderCommand,
  { environment }: LaunchPlan,
  { view, root }: LoaderPlace,
): FoundLoader | undefined {
  if (interpreter === undefined) return undefined;
  const loader = findIn(view, interpreter);
  const kind = loader && loaderKind(loader.hostPath);
  if (loader === undefined || kind === undefined) {
    throw unavailable(`${program} needs the loader ${interpreter}, which takes no library path`);
  }
  const searchPath = environment["LD_LIBRARY_PATH"] ?? "";
  const libraries = findLibraries(entry, { view, kind, interpreter, searchPath });
  if ("problem" in libraries) throw unavailable(`${program} ${libraries.problem}`);
  const problem = refusedLibraries(libraries.loaded);
  if (problem !== undefined) throw unavailable(`${program} ${problem}`);
  const hostPath = hostPathOf(root, loader.path);
  const libraryPath = libraries.directories.map((path) => hostPathOf(root, path)).join(":");
  // This machine's cache would name this machine's libraries.
  const options = kind === "glibc" ? ["--inhibit-cache"] : [];
  return {
    interpreter: hostPath,
    libraryPath,
    isTaken: takesLoader(entry.hostPath),
    arguments: [hostPath, ...options, "--library-path", libraryPath],
  };
}

// An unknown program is started all the same: where nothing else works the alternative is no server at all, and most
// compiled servers need their libraries and nothing else. What it needs besides nobody can know.
function warnings(
  { program, entry, interpreter }: LoaderCommand,
  { environment }: LaunchPlan,
  loader: FoundLoader | undefined,
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
    ...(loader === undefined || loader.isTaken
      ? []
      : [
          `${program} cannot start itself a second time in this mode: its file has no room for the name of another loader`,
        ]),
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
