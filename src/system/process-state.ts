// What survives execve besides arguments and environment: dispositions, descriptor flags, limits, privileges.

import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { checked, IS_FOR_MUSL, libc } from "./libc.ts";

const SIG_DFL = 0;
const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const RLIMIT_NOFILE = 7;
const PR_SET_PDEATHSIG = 1;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;

/** Gives a signal its default effect again, behind the back of every listener in this process. */
export function resetSignal(number: number): void {
  checked(libc().signal(number, SIG_DFL), `reset of signal ${number}`);
}

/** Whether whoever started this process had it ignore a signal. To be asked before anything listens for it. */
export function isIgnored(number: number): boolean {
  const [, digits = "0"] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(statusText()) ?? [];
  return ((BigInt(`0x${digits}`) >> BigInt(number - 1)) & 1n) === 1n;
}

function statusText(): string {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    // Without /proc nothing can be asked, and nohup is improbable.
    return "";
  }
}

/** Makes reads and writes on a descriptor wait. A descriptor that is closed stays closed. */
export function makeBlocking(descriptor: number): void {
  const flags = libc().fcntl(descriptor, F_GETFL, 0);
  if (flags === -1 || (flags & O_NONBLOCK) === 0) return;
  checked(libc().fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK), `fcntl of ${descriptor}`);
}

/**
 * Sets the soft limit of open files to `soft`, or to the hard limit where that is lower, if Bun has raised it: its build
 * for glibc does, before any code of ours runs, and that for musl does not. The hard limit stays.
 */
export function limitOpenFiles(soft: number): void {
  if (IS_FOR_MUSL) return;
  const limits = new BigUint64Array(2);
  checked(libc().getrlimit(RLIMIT_NOFILE, limits), "getrlimit");
  const [current = 0n, hard = 0n] = limits;
  if (current < hard) return;
  limits[0] = BigInt(soft) < hard ? BigInt(soft) : hard;
  checked(libc().setrlimit(RLIMIT_NOFILE, limits), "setrlimit");
}

/** From here on no program that this one becomes gains privileges, whatever its setuid bits and capabilities say. */
export function forbidNewPrivileges(): void {
  checked(libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl of no_new_privs");
}

/** Keeps no capability across an execve as an ordinary user. */
export function clearAmbientCapabilities(): void {
  checked(
    libc().prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0),
    "prctl of ambient capabilities",
  );
}

/**
 * Has the kernel kill this process when its parent ends, and ends it at once where that has happened already. A change
 * of this process's user takes it back. (prctl(2), PR_SET_PDEATHSIG)
 */
export function endWithParent(parent: number): void {
  signalOnParentEnd(constants.signals.SIGKILL);
  if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
}

/** Has the kernel send this process a signal when the thread that started it ends. */
export function signalOnParentEnd(number: number): void {
  checked(libc().prctl(PR_SET_PDEATHSIG, number, 0, 0, 0), "prctl of the parent's end");
}
