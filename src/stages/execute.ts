// Stage 6: the server. This process becomes it, or stays in front of it; where a monitor has to stay, it waits for the
// server's end.

import type { ServerWay } from "../gateway/way.ts";
import { becomeServer } from "../launch/become-server.ts";
import type { LaunchPlan } from "../launch/launch-plan.ts";
import { log, logEnvironment } from "../log.ts";
import type { Gateway } from "./gateway.ts";

export interface ExecuteOptions {
  /** What starts this runner again: its binary, or bun and the script. */
  readonly runner: readonly string[];
  /** The runner's own PATH. */
  readonly searchPath: string;
  readonly way: ServerWay;
  /** Open, unless the server is reached without it whatever the image is. */
  readonly gateway?: Gateway | undefined;
}

/** Returns the exit status to end with, and only where the runner has to stay. */
export async function execute(plan: LaunchPlan, options: ExecuteOptions): Promise<number> {
  const { uid, gid } = plan.identity;
  const { way, gateway, runner, searchPath } = options;
  gateway?.enter("execute");
  log.info("starting the server", {
    mode: plan.mode,
    user: `${uid}:${gid}`,
    command: plan.program,
  });
  log.debug(plan.reason);
  if (gateway !== undefined && way.kind !== "hand-over") {
    const { serve } = await import("./serve.ts");
    return await serve(plan, way, { gateway, runner, searchPath });
  }
  log.info(`the runner becomes the server: ${way.reason}`);
  await gateway?.front.release();
  return becomeServer(plan, {
    runner,
    searchPath,
    environment: logEnvironment(),
    notes: { onChoice: (note) => log.info(note), onLack: (note) => log.warn(note) },
  });
}
