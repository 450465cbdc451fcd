// The environment as other processes see it: /proc/PID/environ shows the memory that the kernel filled at the start,
// whatever has been deleted from `process.env` since.

import { toArrayBuffer } from "bun:ffi";
import { checked, cString, libc } from "./libc.ts";

const PR_SET_DUMPABLE = 4;

/**
 * Takes a variable out of `process.env` and overwrites its value where the kernel put it, so that neither a child nor
 * a reader of /proc/PID/environ finds it.
 */
export function forgetVariable(name: string): void {
  const key = cString(name);
  // A variable may be given more than once; only the first is visible until it is gone.
  for (let address = libc().getenv(key); address !== null; address = libc().getenv(key)) {
    // Up to the terminating zero: the value, and then the name before it, so that the entry is found no more.
    const start = Number(address) - name.length - 1;
    const bytes = new Uint8Array(toArrayBuffer(start as typeof address, 0));
    bytes.fill(0);
  }
  delete process.env[name];
}

/**
 * Until the next execve, keeps other processes of this user from reading this one's memory, environment and
 * descriptors, where the password is in use.
 */
export function hideFromOtherProcesses(): void {
  checked(libc().prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl of dumpable");
}
