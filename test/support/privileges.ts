// What this machine lets tests do beyond having programs, found out by trying. Each function tells what is missing, if
// anything.

import { join } from "node:path";
import { reasonOf } from "../../src/errors.ts";
import type { Probe } from "../../src/launch/probe.ts";
import { tempDir } from "./temp-dir.ts";

/** The user and group that tests become when they are root. */
export const ORDINARY_USER = 1000;

const IS_ROOT = process.getuid?.() === 0;
const PROBE = join(import.meta.dir, "../../src/launch/probe.ts");

type Modes = Probe["modes"];

const trials = new Map<number | undefined, Modes | string>();

/** What keeps tests from mounting a file system. */
export function mountProblem(): string | undefined {
  if (!IS_ROOT) return "needs root, to mount";
  using dir = tempDir();
  if (failureOf(["mount", "-t", "tmpfs", "tmpfs", dir.path]) !== undefined) {
    return "needs root that may mount";
  }
  Bun.spawnSync(["umount", dir.path]);
  return undefined;
}

/** What keeps tests from running Bun on this checkout as another user. */
export function otherUserProblem(): string | undefined {
  if (!IS_ROOT) return "needs root, to become another user";
  const modes = modesOf(ORDINARY_USER);
  return typeof modes === "string"
    ? `needs Bun and a checkout that user ${ORDINARY_USER} can read: ${modes}`
    : undefined;
}

/**
 * What keeps the runner from giving a server a root of its own by the kernel's means, without a tracer, as that user or
 * as who the tests are.
 */
export function runModeProblem(user?: number): string | undefined {
  const modes = modesOf(user);
  if (typeof modes === "string") return `needs to run as user ${user}: ${modes}`;
  const failures = Object.entries(modes)
    .filter(([mode]) => mode !== "loader" && mode !== "proot")
    .map(([mode, ability]) => (ability.works ? undefined : `${mode}: ${ability.why}`));
  return failures.includes(undefined) ? undefined : `needs a run mode: ${failures.join("; ")}`;
}

/** What keeps root from reading the environment of another user's process. */
export function inspectionProblem(): string | undefined {
  const problem = otherUserProblem();
  if (problem !== undefined) return problem;
  const child = Bun.spawn(["sleep", "60"], { uid: ORDINARY_USER, gid: ORDINARY_USER });
  try {
    const failure = failureOf(["cat", `/proc/${child.pid}/environ`]);
    return failure && `needs to read other users' processes: ${failure}`;
  } finally {
    child.kill("SIGKILL");
  }
}

/** Why a command fails. */
export function failureOf(argv: readonly string[]): string | undefined {
  try {
    const { exitCode, stderr } = Bun.spawnSync([...argv], { stderr: "pipe" });
    return exitCode === 0 ? undefined : stderr.toString().trim().replaceAll("\n", " ");
  } catch (error) {
    return reasonOf(error);
  }
}

function modesOf(user: number | undefined): Modes | string {
  const known = trials.get(user);
  if (known !== undefined) return known;
  const modes = tryModes(user);
  trials.set(user, modes);
  return modes;
}

function tryModes(user: number | undefined): Modes | string {
  const script = `
    import { probeMachine } from ${JSON.stringify(PROBE)};
    const { modes } = await probeMachine({ searchPath: process.env.PATH ?? "" });
    require("node:fs").writeSync(1, JSON.stringify(modes));`;
  try {
    const child = Bun.spawnSync([process.execPath, "-e", script], {
      cwd: "/",
      stderr: "pipe",
      ...(user === undefined ? {} : { uid: user, gid: user }),
    });
    if (child.exitCode !== 0) return child.stderr.toString().trim().replaceAll("\n", " ");
    return JSON.parse(child.stdout.toString()) as Modes;
  } catch (error) {
    return reasonOf(error);
  }
}
