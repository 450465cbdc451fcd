// Stage 6: the server. This process becomes it; where a monitor has to stay, it waits for the server's end.

import { becomeServer } from "../launch/become-server.ts";
import type { LaunchPlan } from "../launch/launch-plan.ts";
import { log, logEnvironment } from "../log.ts";

export interface ExecuteOptions {
  /** What starts this runner again: its binary, or bun and the script. */
  readonly runner: readonly string[];
  /** The runner's own PATH. */
  readonly searchPath: string;
}

/** Returns the exit status to end with, and only in a mode where the runner has to stay. */
export async function execute(plan: LaunchPlan, options: ExecuteOptions): Promise<number> {
  const { uid, gid } = plan.identity;
  log.info("starting the server", {
    mode: plan.mode,
    user: `${uid}:${gid}`,
    command: plan.program,
  });
  log.debug(plan.reason);
  return becomeServer(plan, {
    ...options,
    environment: logEnvironment(),
    notes: { onChoice: (note) => log.info(note), onLack: (note) => log.warn(note) },
  });
}
