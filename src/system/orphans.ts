// Processes that lose their parent below this one. As a container's process 1 they come here anyway; elsewhere they are
// asked to. Bun takes notice of the ends of its own children only, and the others would stay as zombies. (bun 1.4.5)

import { readdirSync, readFileSync } from "node:fs";
import { checked, libc } from "./libc.ts";

const PR_SET_CHILD_SUBREAPER = 36;
const WNOHANG = 1;
const LOOK_AGAIN_MS = 1_000;

/** Has orphans come to this process, and takes notice of their ends. Disposing it ends those that are left. */
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
      for (const pid of strangers()) end(pid);
      reap();
    },
  };
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
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
