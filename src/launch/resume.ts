// The runner started once more inside a user namespace, where it may mount and change its root: a tool made the
// namespace and became, or started, this.

import { constants } from "node:os";
import { signalOnParentEnd } from "../system/process-state.ts";
import { handOver, releaseSignals } from "./hand-over.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { enterPrivateRoot, type Notes, openPrivateRoot } from "./private-root.ts";
import { parseResume } from "./resume-plan.ts";

/**
 * Enters the plan's root and becomes its server; never returns. To be called before anything else when the runner's
 * first argument is RESUME_ARGUMENT. Throws RUN_MODE_UNAVAILABLE when there is no plan, and what a private root and
 * `handOver` throw.
 */
export async function resumeInsideNamespace(
  environment: Readonly<Record<string, string | undefined>>,
  notes: Notes,
): Promise<never> {
  const { plan, monitored } = parseResume(environment);
  if (monitored) signalOnParentEnd(constants.signals.SIGKILL);
  using root = await openPrivateRoot(plan, notes);
  await releaseSignals();
  enterPrivateRoot(root, notes);
  return handOver(plan.drop ? plan : withoutIdentity(plan));
}

function withoutIdentity({ program, argv, environment, workingDirectory, endsWith }: LaunchPlan) {
  return { program, argv, environment, workingDirectory, endsWith };
}
