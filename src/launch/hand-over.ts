// The last act: this process becomes another program and hands it a clean slate. Whatever a Bun process does to
// itself that survives execve is undone here.

import { setImmediate as nextTurn } from "node:timers/promises";
import { constants } from "node:os";
import { RunnerError, printable, reasonOf } from "../errors.ts";
import {
  clearAmbientCapabilities,
  endWithParent,
  forbidNewPrivileges,
  limitOpenFiles,
  makeBlocking,
  resetSignal,
} from "../system/process-state.ts";
import type { Identity } from "./ownership.ts";

export interface Successor {
  readonly program: string;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** Become this user first; otherwise the successor runs as who we are. */
  readonly identity?: Identity;
  /** The parent that the successor ends with. */
  readonly endsWith?: number | undefined;
}

const STDIO = [0, 1, 2];
const UMASK = 0o022;

// Where Bun has raised the soft limit to the hard one, what it was is lost. 1024 is what login sessions, systemd and most
// container engines give, and what programs with select(2) rely on; a server that wants more raises it itself, up to the
// hard limit, which is left alone.
const OPEN_FILES = 1024;

// Bun ignores these two, and a program that is started with them ignored does not end when its reader goes away.
// Signals that our own parent had us ignore (nohup) stay ignored.
const IGNORED_BY_BUN = [constants.signals.SIGPIPE, constants.signals.SIGXFSZ];

/**
 * Ends the runner's interest in signals: one that has been noticed still runs its listener, a later one has its default
 * effect. Without it a SIGTERM in the last moment would be swallowed.
 */
export async function releaseSignals(): Promise<void> {
  for (const [name, number] of Object.entries(constants.signals)) {
    if (process.listenerCount(name) > 0) resetSignal(number);
  }
  await nextTurn();
}

/** Becomes the successor. Throws COMMAND_NOT_FOUND, COMMAND_NOT_RUNNABLE, WORKDIR_UNUSABLE, SYSTEM_CALL_FAILED. */
export function handOver(successor: Successor): never {
  enter(successor.workingDirectory);
  for (const number of IGNORED_BY_BUN) resetSignal(number);
  becomeServersUser(successor.identity, successor.endsWith);
  return replaceProcess(successor);
}

/**
 * Gives this process, for good, what the server inherits: blocking stdio, limits, and no more rights than `identity`
 * has, or than it has already; and a life as long as that of its parent `endsWith`, where it has one. Throws SYSTEM_CALL_FAILED.
 */
export function becomeServersUser(identity: Identity | undefined, endsWith?: number): void {
  for (const descriptor of STDIO) makeBlocking(descriptor);
  limitOpenFiles(OPEN_FILES);
  process.umask(UMASK);
  forbidNewPrivileges();
  clearAmbientCapabilities();
  if (identity !== undefined) become(identity);
  if (endsWith !== undefined) endWithParent(endsWith);
}

/** execve and nothing else: no descriptor beyond stdio is inherited. */
export function replaceProcess(
  successor: Pick<Successor, "program" | "argv" | "environment">,
): never {
  try {
    return execve(successor.program, successor.argv, successor.environment);
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    throw new RunnerError(
      missing ? "COMMAND_NOT_FOUND" : "COMMAND_NOT_RUNNABLE",
      `${printable(successor.program)} could not be started: ${printable(reasonOf(cause))}`,
      { cause },
    );
  }
}

function execve(
  program: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
): never {
  if (process.execve === undefined) {
    throw new RunnerError("SYSTEM_CALL_FAILED", "this platform has no execve");
  }
  return process.execve(program, [...argv], { ...environment });
}

// Groups first: after setuid there is no right left to change them. Numbers only, and on every thread.
function become({ uid, gid }: Identity): void {
  try {
    process.setgroups?.([]);
    process.setgid?.(gid);
    process.setuid?.(uid);
  } catch (cause) {
    throw new RunnerError(
      "SYSTEM_CALL_FAILED",
      `becoming ${uid}:${gid} failed: ${reasonOf(cause)}`,
      { cause },
    );
  }
}

// A directory outside the root shows as "(unreachable)", or as one that is not the one asked for.
function enter(directory: string): void {
  let arrived: string;
  try {
    process.chdir(directory);
    arrived = process.cwd();
  } catch (cause) {
    throw unusable(directory, reasonOf(cause), cause);
  }
  if (arrived !== directory) throw unusable(directory, `it leads to ${arrived}`);
}

function unusable(directory: string, why: string, cause?: unknown): RunnerError {
  return new RunnerError(
    "WORKDIR_UNUSABLE",
    `the working directory ${printable(directory)} cannot be used: ${printable(why)}`,
    { cause },
  );
}
