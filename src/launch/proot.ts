// The server in a private root that PRoot makes by tracing it: nothing is mounted and no right is needed. PRoot takes
// the signals that are sent to it for its own and tells another process's end for the server's, so the runner stays,
// and what PRoot starts is a small program of the runner's that tells it the truth (proot-start.c).

import { chmodSync, chownSync, lstatSync, mkdirSync, statSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join, posix } from "node:path";
import { RunnerError, printable, reasonOf } from "../errors.ts";
import { errnoName } from "../system/libc.ts";
import { supervise } from "../system/supervise.ts";
import type { MountPoint } from "./furnish-root.ts";
import { becomeServersUser } from "./hand-over.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { openWay } from "./open-way.ts";
import type { Identity } from "./ownership.ts";
import { furnish, NO_MOUNTS, openPrivateRoot, type Notes } from "./private-root.ts";
import type { Tracer } from "./proot-trial.ts";
import { helperArguments, writeStart } from "./start-helper.ts";

/**
 * Runs the plan's server to its end as the plan's user, who this process becomes, and returns the exit status to end
 * with. Throws COMMAND_NOT_FOUND, COMMAND_NOT_RUNNABLE, RUN_MODE_UNAVAILABLE, WORKDIR_UNUSABLE, DISK_*,
 * SYSTEM_CALL_FAILED.
 */
export async function traceServer(plan: LaunchPlan, notes: Notes): Promise<number> {
  const { tracer, identity, drop } = plan;
  if (tracer === undefined) throw unavailable("proot does not work here");
  using root = await openPrivateRoot(plan, notes, NO_MOUNTS);
  using opened = plan.ready === true ? undefined : openToOwner(root.path);
  const place = ownPlace(root.path, identity);
  const mountPoints = [...furnish(root.path), ...sharedMemory(root.path, place)];
  if (drop) openWay(root.path, identity);
  const start = placeStart(root.path);
  becomeServersUser(drop ? identity : undefined, plan.endsWith);
  const argv = [
    ...helperArguments(join(root.path, start)),
    ...tracerArguments(plan, tracer, { root: root.path, mountPoints }),
    start,
    tracer.old ? "old-server" : "server",
    plan.program,
    ...plan.argv,
  ];
  const env = { ...tracer.environment, PROOT_TMP_DIR: place, ...hidden(plan.environment) };
  return await follow(plan, { argv, env, onStarted: () => opened?.[Symbol.dispose]() });
}

/**
 * Makes a root ready for several servers at once, and leaves it so: it stays open to its owner, because each start puts
 * a program into it and takes it away again.
 */
export function openForTracer(root: string, identity: Identity): void {
  openToOwner(root);
  ownPlace(root, identity);
}

function tracerArguments(
  { workingDirectory }: LaunchPlan,
  { program }: Tracer,
  { root, mountPoints }: { readonly root: string; readonly mountPoints: readonly MountPoint[] },
): readonly string[] {
  const bindings = mountPoints.flatMap(({ source, target }) => [
    "-b",
    `${source}:${posix.join("/", posix.relative(root, target))}`,
  ]);
  // Quiet but for errors: its warnings would stand among the server's own lines.
  return [program, "-v", "-1", "-r", root, ...bindings, "-w", workingDirectory];
}

// What proot-start takes the mark off again. Until then no variable of the image's means anything to PRoot or to its
// loader.
function hidden(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [`_${name}`, value]),
  );
}

interface TracedProgram {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly onStarted: () => void;
}

async function follow(
  { program, endsWith }: LaunchPlan,
  { argv, env, onStarted }: TracedProgram,
): Promise<number> {
  let text = "";
  const status = await supervised({
    argv,
    env,
    endsWith,
    findTarget(statusText) {
      text = statusText;
      const pid = numberIn(statusText, "pid");
      if (pid !== undefined) onStarted();
      return pid;
    },
    // What the server has left behind could not go on without its tracer.
    end: { find: (statusText) => numberIn(statusText, "ended"), signal: "SIGQUIT" },
  });
  const errno = numberIn(text, "failed");
  if (errno !== undefined) {
    throw new RunnerError(
      errno === constants.errno.ENOENT ? "COMMAND_NOT_FOUND" : "COMMAND_NOT_RUNNABLE",
      `${printable(program)} could not be started: ${errnoName(errno)}`,
    );
  }
  if (numberIn(text, "pid") !== undefined) return status;
  throw unavailable(`proot ended with ${status} before it started the server`);
}

async function supervised(program: Parameters<typeof supervise>[0]): Promise<number> {
  try {
    return await supervise(program);
  } catch (cause) {
    throw unavailable(`nothing can be started in the image's root: ${reasonOf(cause)}`, cause);
  }
}

function numberIn(statusText: string, word: string): number | undefined {
  const [, digits] = new RegExp(`^${word} (\\d+)$`, "m").exec(statusText) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

// PRoot writes files of its own, beside the root and gone with it.
function ownPlace(root: string, { uid, gid }: Identity): string {
  const place = join(dirname(root), "proot");
  mkdirSync(place, { recursive: true, mode: 0o700 });
  if (process.geteuid?.() === 0) chownSync(place, uid, gid);
  return place;
}

const SHARED_MEMORY = "/dev/shm";
const FOR_ALL = 0o1777;

// Python's multiprocessing and databases have no other place, and not every machine has it.
function sharedMemory(root: string, place: string): readonly MountPoint[] {
  const stats = statSync(SHARED_MEMORY, { throwIfNoEntry: false });
  if (stats?.isDirectory() === true && (stats.mode & FOR_ALL) === FOR_ALL) return [];
  const source = join(place, "shm");
  mkdirSync(source, { recursive: true });
  chmodSync(source, FOR_ALL);
  return [{ source, target: join(root, SHARED_MEMORY) }];
}

const OPEN_TO_OWNER = 0o700;
const PERMISSIONS = 0o7777;

// The root directory of an image may be closed to its owner's own changes. Disposing it gives it the image's mode again.
function openToOwner(root: string): Disposable {
  const mode = lstatSync(root).mode & PERMISSIONS;
  const closed = (mode & OPEN_TO_OWNER) !== OPEN_TO_OWNER;
  if (closed) chmodSync(root, mode | OPEN_TO_OWNER);
  return { [Symbol.dispose]: () => closed && chmodSync(root, mode) };
}

// In the server's root, which PRoot shows as it is; proot-start removes its own file before it starts the server.
function placeStart(root: string): string {
  const path = `/.fastmcp-runner-start-${crypto.randomUUID()}`;
  writeStart(join(root, path));
  return path;
}

function unavailable(message: string, cause?: unknown): RunnerError {
  return new RunnerError("RUN_MODE_UNAVAILABLE", message, { cause, stage: "execute" });
}
