// Locks between processes: flock(2) on a file of its own. The kernel releases one when its holder ends, however it ends.

import { closeSync, fstatSync, openSync, rmSync, statSync } from "node:fs";
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { checked, lastErrno, libc } from "./libc.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;

/** Short enough for a person not to notice, long enough to cost nothing. */
const WAIT_MS = { first: 5, longest: 100 } as const;

export interface LockWait {
  /** Called once, when there is somebody to wait for. */
  readonly onWait?: (() => void) | undefined;
  /** Ends the wait, with its reason: a holder that has been stopped does not end by itself. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes the lock at `path`, waiting for as long as somebody holds it; signals are heard meanwhile. Disposing it gives
 * the lock back. Throws SYSTEM_CALL_FAILED, the signal's reason, and what the filesystem throws.
 */
export async function lockFile(path: string, wait: LockWait = {}): Promise<Disposable> {
  for (let waitMs: number = WAIT_MS.first, waited = false; ; waited = true) {
    const lock = tryLockFile(path);
    if (lock !== undefined) return lock;
    wait.signal?.throwIfAborted();
    if (!waited) wait.onWait?.();
    await sleep(waitMs);
    waitMs = Math.min(waitMs * 2, WAIT_MS.longest);
  }
}

/** Takes the lock at `path` if nobody has it. */
export function tryLockFile(path: string): Disposable | undefined {
  // Bun opens everything close-on-exec: neither a child nor the server inherits a lock.
  const descriptor = openSync(path, "a", 0o600);
  if (!flock(descriptor) || !isAt(path, descriptor)) {
    closeSync(descriptor);
    return undefined;
  }
  let isHeld = true;
  return {
    [Symbol.dispose]() {
      if (!isHeld) return;
      isHeld = false;
      // Gone before it is given back: whoever opened the file meanwhile sees that it is at its path no more.
      rmSync(path, { force: true });
      closeSync(descriptor);
    },
  };
}

function flock(descriptor: number): boolean {
  const result = libc().flock(descriptor, LOCK_EX | LOCK_NB);
  if (result === -1 && lastErrno() === constants.errno.EWOULDBLOCK) return false;
  return checked(result, "flock") === 0;
}

function isAt(path: string, descriptor: number): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  return there !== undefined && there.ino === fstatSync(descriptor).ino;
}
