// What a runner that is started once more, inside a user namespace, is told. It comes in the environment, because argv
// is everybody's to read.

import { RunnerError } from "../errors.ts";
import type { LaunchPlan } from "./launch-plan.ts";

/** The first argument of a runner that resumes a plan; not a command of its users. */
export const RESUME_ARGUMENT = "--resume-inside-namespace";
/** The first argument of a runner that becomes a server for another runner; not a command of its users. */
export const CHILD_ARGUMENT = "--become-server";

const PREFIX = "FASTMCP_RUNNER_PLAN_";
// The kernel takes no single variable of 128 KiB or more. (MAX_ARG_STRLEN)
const CHUNK_CHARACTERS = 100_000;

/** What the resumed runner needs to know. */
export interface ResumePlan {
  readonly plan: LaunchPlan;
  /** A monitor started it, and the server must not outlive the monitor. */
  readonly monitored: boolean;
}

/** The whole environment for a runner that is to resume this. */
export function resumeEnvironment(resume: ResumePlan): Record<string, string> {
  const text = Buffer.from(JSON.stringify(resume)).toString("base64");
  const count = Math.ceil(text.length / CHUNK_CHARACTERS);
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `${PREFIX}${index}`,
      text.slice(index * CHUNK_CHARACTERS, (index + 1) * CHUNK_CHARACTERS),
    ]),
  );
}

/** What `resumeEnvironment` was given. Throws RUN_MODE_UNAVAILABLE where nobody was. */
export function parseResume(environment: Readonly<Record<string, string | undefined>>): ResumePlan {
  let text = "";
  for (
    let index = 0, chunk = environment[`${PREFIX}0`];
    chunk !== undefined;
    chunk = environment[`${PREFIX}${index}`]
  ) {
    text += chunk;
    index += 1;
  }
  try {
    // Written by resumeEnvironment of this very program, for a process with no more rights than its starter.
    return JSON.parse(Buffer.from(text, "base64").toString()) as ResumePlan;
  } catch (cause) {
    throw new RunnerError("RUN_MODE_UNAVAILABLE", `${RESUME_ARGUMENT} is for the runner itself`, {
      cause,
    });
  }
}
