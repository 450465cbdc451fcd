// A server as a child of the runner: this program is started once more, with the plan, and becomes the server. What
// every mode does to give a server a clean start is done for each of its processes alike.

import { endWithParent } from "../system/process-state.ts";
import { becomeServer, type Surroundings } from "./become-server.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { CHILD_ARGUMENT, parseResume, resumeEnvironment } from "./resume-plan.ts";

const SEARCH_PATH = "PATH";

export interface ServerCommand {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What starts one process of the plan's server, which ends when this process does. */
export function serverCommand(
  plan: LaunchPlan,
  { runner, searchPath, environment }: Omit<Surroundings, "notes">,
): ServerCommand {
  const resume = { plan: { ...plan, endsWith: process.pid }, monitored: false };
  return {
    argv: [...runner, CHILD_ARGUMENT],
    env: { ...environment, [SEARCH_PATH]: searchPath, ...resumeEnvironment(resume) },
  };
}

/**
 * Becomes what `serverCommand` was asked for. To be called before anything else when the runner's first argument is
 * CHILD_ARGUMENT. Returns and throws as `becomeServer` does; throws RUN_MODE_UNAVAILABLE where there is no plan.
 */
export function becomeChildServer(
  environment: Readonly<Record<string, string | undefined>>,
  surroundings: Omit<Surroundings, "searchPath">,
): Promise<number> {
  const { plan } = parseResume(environment);
  if (plan.endsWith !== undefined) endWithParent(plan.endsWith);
  return becomeServer(plan, { ...surroundings, searchPath: environment[SEARCH_PATH] ?? "" });
}
