// The processes of a server that the runner serves. Each is this program once more, which becomes the server as it
// would have without a gateway; what it writes to stderr is in the log.

import { limitRate } from "../gateway/rate-limit.ts";
import type { StartServer } from "../gateway/server-process.ts";
import type { LaunchPlan } from "../launch/launch-plan.ts";
import { serverCommand } from "../launch/server-child.ts";
import { log, logEnvironment } from "../log.ts";
import { startServerChild } from "../system/server-child.ts";

export interface StarterOptions {
  /** What starts this runner again. */
  readonly runner: readonly string[];
  /** The runner's own PATH. */
  readonly searchPath: string;
  readonly maxLineBytes: number;
}

/** What a server may write to stderr in a second; a person reads no more. */
const LINES_PER_SECOND = 100;

/** What starts the plan's server, each time in a process of its own. */
export function serverStarter(
  plan: LaunchPlan,
  { maxLineBytes, ...options }: StarterOptions,
): StartServer {
  return ({ environment, onLine }) => {
    const own = { ...plan, environment: { ...plan.environment, ...environment } };
    const command = serverCommand(own, { ...options, environment: logEnvironment() });
    const stderr = limitRate(LINES_PER_SECOND, (line, withheld) => {
      if (withheld > 0) log.warn(`server ${child.pid}: ${withheld} lines withheld`);
      log.info(`server ${child.pid}: ${line}`);
    });
    const child = startServerChild(
      { ...command, maxLineBytes, onStderr: (line) => stderr.take(line) },
      { onLine },
    );
    return child;
  };
}
