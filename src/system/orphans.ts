// Processes that lose their parent below this one. As a container's process 1 they come here anyway; elsewhere they are
// asked to. Bun takes notice of the ends of its own children only, and the others would stay as zombies. (bun 1.4.5)

import { readdirSync, readFileSync } from "node:fs";
import { checked, libc } from "./libc.ts";
import { statFieldsOf } from "./process-stat.ts";
import { sendSignal } from "./send-signal.ts";

const PR_SET_CHILD_SUBREAPER = 36;
const WNOHANG = 1;
const LOOK_AGAIN_MS = 1_000;
const LOOK_SOON_MS = 5;
/** Longer than it takes to end a chain of processes, each of which starts the next. */
const ENDING_MS = 2_000;

/**
 * Has orphans come to this process, and takes notice of their ends. Disposing it ends all that are left below this
 * process, its own children included: what loses its parent by that comes here in turn.
 */
export function adoptOrphans(isOwn: (pid: number) => boolean): Disposable {
  checked(libc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl of the child subreaper");
  const strangers = () => childrenOfThisProcess().filter((pid) => !isOwn(pid));
  const reap = () => {
    for (const pid of strangers()) libc().waitpid(pid, null, WNOHANG);
  };
  const clock = setInterval(reap, LOOK_AGAIN_MS);
  clock.unref();
  return {
    [Symbol.dispose]() {
      clearInterval(clock);
      const deadline = performance.now() + ENDING_MS;
      for (let left = living(); left.length > 0 && performance.now() < deadline; left = living()) {
        for (const pid of left) sendSignal(pid, "SIGKILL");
        Bun.sleepSync(LOOK_SOON_MS);
        reap();
      }
    },
  };
}

function living(): readonly number[] {
  return childrenOfThisProcess().filter(isLiving);
}

function isLiving(pid: number): boolean {
  const [state] = statFieldsOf(pid) ?? [];
  return state !== undefined && state !== "Z" && state !== "X";
}

// An orphan belongs to whichever thread of its new parent the kernel likes.
function childrenOfThisProcess(): readonly number[] {
  try {
    const threads = readdirSync("/proc/self/task");
    return threads.flatMap((thread) => numbersIn(`/proc/self/task/${thread}/children`));
  } catch {
    // Without /proc nobody can be found.
    return [];
  }
}

function numbersIn(path: string): readonly number[] {
  try {
    return readFileSync(path, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
