// A short soak of the compiled runner; the long one is `bun run soak`.

import { describe, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { problemsOf, soak, type SoakFigures } from "../../scripts/soak/soak.ts";
import { runModeProblem } from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { runnerBinary } from "../support/runner-binary.ts";
import { tempDir } from "../support/temp-dir.ts";

const SESSIONS = 300;
const CALLS = 10;
/** So few sessions warm nothing up: what is seen is code that is compiled, not a leak. */
const MAX_GROWTH = 1.5;
const SOAK_MS = 180_000;

unless(programProblem("musl-gcc"), runModeProblem())(
  "of sessions that were ended, left, cut off or crashed, nothing is left",
  async () => {
    const binary = await runnerBinary();
    using directory = tempDir();
    chmodSync(directory.path, 0o755);
    const figures = await soak(
      { binary, directory: directory.path, sessions: SESSIONS, callsPerSession: CALLS },
      () => {},
    );
    expect(problemsOf(figures, MAX_GROWTH)).toEqual([]);
    expect(figures.endings["crashed, leaving a child"]).toBe(SESSIONS / 10);
  },
  SOAK_MS,
);

const CLEAN: SoakFigures = {
  sessions: 10,
  calls: 100,
  endings: { deleted: 5, left: 2, cut: 1, crashed: 1, "crashed, leaving a child": 1 },
  seconds: 1,
  megabytes: { warm: 70, last: 77 },
  descriptors: { first: 20, last: 20 },
  processes: { first: 1, last: 1 },
  sessionsLeft: 0,
  processesLeft: 0,
  status: 0,
};

describe("a soak", () => {
  test.each([
    ["that leaves nothing", {}, undefined],
    ["that grows", { megabytes: { warm: 70, last: 77.1 } }, "grown from 70 to 77.1 MB"],
    ["that keeps a descriptor", { descriptors: { first: 20, last: 21 } }, "21 descriptors"],
    ["that keeps a process", { processes: { first: 1, last: 2 } }, "2 processes, and had 1"],
    ["that keeps sessions", { sessionsLeft: 3 }, "3 sessions are left"],
    ["that leaves an orphan", { processesLeft: 1 }, "outlived the runner"],
    ["after which the runner fails", { status: 125 }, "ended with 125"],
  ])("%s", (_, found, problem) => {
    const problems = problemsOf({ ...CLEAN, ...found }, 1.1);
    expect(problems).toHaveLength(problem === undefined ? 0 : 1);
    expect(problems.join("")).toContain(problem ?? "");
  });
});
