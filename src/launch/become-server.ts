// From a plan to the server, by the way that the plan's mode names.

import { dirname, join } from "node:path";
import { RunnerError } from "../errors.ts";
import { privateDirectory } from "../system/private-directory.ts";
import { findProgram } from "../system/programs.ts";
import { ignoredSignals, supervise } from "../system/supervise.ts";
import { handOver, releaseSignals, replaceProcess, type Successor } from "./hand-over.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { openLoaderRoot } from "./loader-root.ts";
import { NAMESPACE_TOOLS } from "./namespace-tools.ts";
import type { NamespaceToolFound } from "./probe.ts";
import { enterPrivateRoot, type Notes, openPrivateRoot } from "./private-root.ts";
import { traceServer } from "./proot.ts";
import { RESUME_ARGUMENT, resumeEnvironment } from "./resume-plan.ts";
import { hasStart, helperArguments, writeStart } from "./start-helper.ts";
import { throughSuExec } from "./su-exec.ts";

const BUBBLEWRAP_STATUS = ["--json-status-fd", "3"];

export interface Surroundings {
  /** What starts this runner again: its binary, or bun and the script. */
  readonly runner: readonly string[];
  /** The runner's own PATH. */
  readonly searchPath: string;
  /** What the runner is told besides the plan when it is started again. */
  readonly environment: Readonly<Record<string, string>>;
  readonly notes: Notes;
}

/**
 * Becomes the server. Returns only where a monitor has to stay between the two, with the exit status to end with.
 * Throws COMMAND_NOT_FOUND, COMMAND_NOT_RUNNABLE, WORKDIR_UNUSABLE, RUN_MODE_UNAVAILABLE, DISK_*, SYSTEM_CALL_FAILED.
 */
export async function becomeServer(plan: LaunchPlan, surroundings: Surroundings): Promise<number> {
  switch (plan.mode) {
    case "overlay":
      await releaseSignals();
      return handOver(overlaySuccessor(plan, surroundings.searchPath));
    case "baked":
      await releaseSignals();
      return handOver(directSuccessor(plan));
    case "chroot": {
      using root = await openPrivateRoot(plan, surroundings.notes);
      await releaseSignals();
      enterPrivateRoot(root, surroundings.notes);
      return handOver(directSuccessor(plan));
    }
    case "proot":
      return traceServer(plan, surroundings.notes);
    case "loader":
      if (plan.ready !== true) await openLoaderRoot(plan, surroundings.notes);
      await releaseSignals();
      return handOver(directSuccessor(plan));
    case "userns":
      return enterNamespace(plan, surroundings);
  }
}

function directSuccessor({
  program,
  argv,
  environment,
  workingDirectory,
  identity,
  drop,
  endsWith,
}: LaunchPlan): Successor {
  const successor = { program, argv, environment, workingDirectory, endsWith };
  return drop ? { ...successor, identity } : successor;
}

function overlaySuccessor(plan: LaunchPlan, searchPath: string): Successor {
  const env = findProgram("env", searchPath);
  // su-exec's change of the user would make the server outlive its parent.
  const mayUse = plan.drop && plan.endsWith === undefined;
  if (!mayUse || plan.dropTool === undefined || env === undefined) return directSuccessor(plan);
  return throughSuExec(plan, { suExec: plan.dropTool, env }) ?? directSuccessor(plan);
}

async function enterNamespace(
  plan: LaunchPlan,
  { runner, environment: own }: Surroundings,
): Promise<number> {
  const found = plan.namespaceTool;
  const tool = NAMESPACE_TOOLS.find(({ name }) => name === found?.name);
  if (found === undefined || tool === undefined) {
    throw new RunnerError(
      "RUN_MODE_UNAVAILABLE",
      "no program that makes user namespaces works here",
    );
  }
  // The tool runs with nothing in its environment but the plan: no image's LD_PRELOAD reaches it.
  // A monitor is the server's parent, and ends with the runner by itself.
  const { endsWith, ...unbound } = plan;
  const resumed = tool.monitors || endsWith === undefined ? unbound : plan;
  const environment = {
    ...own,
    ...resumeEnvironment({ plan: resumed, monitored: tool.monitors }),
  };
  const argv = [
    found.program,
    ...(tool.monitors ? BUBBLEWRAP_STATUS : []),
    ...tool.arguments(plan.identity),
    ...runner,
    RESUME_ARGUMENT,
  ];
  return tool.monitors
    ? superviseTool(plan, argv, environment)
    : becomeTool(found, argv, environment);
}

async function becomeTool(
  { program }: NamespaceToolFound,
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<never> {
  await releaseSignals();
  return replaceProcess({ program, argv, environment });
}

async function superviseTool(
  { root, scratch, endsWith }: LaunchPlan,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const program = { env, endsWith, findTarget: childOfBubblewrap };
  if (ignoredSignals().length === 0 || !hasStart()) return await supervise({ ...program, argv });
  using place = privateDirectory(scratch ?? dirname(root), "helper-");
  const start = join(place.path, "start");
  writeStart(start);
  return await supervise({ ...program, argv: [...helperArguments(start), ...argv] });
}

// { "child-pid": 4711, ... } on the status descriptor.
function childOfBubblewrap(statusText: string): number | undefined {
  const [, pid] = /"child-pid"\s*:\s*(\d+)/.exec(statusText) ?? [];
  return pid === undefined ? undefined : Number(pid);
}
