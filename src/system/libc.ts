// The C library by foreign function calls: opened once, by one name, and every failure turned into an error that
// names the call and its errno. Knows nothing of what the calls are for.

import { dlopen, ptr, read } from "bun:ffi";
import { constants } from "node:os";
import { RunnerError } from "../errors.ts";

// The build replaces this by the target's name. A name is never probed: dlopen of a bare name that the system does not
// have falls back to the working directory, where a stranger's or an image's library may lie.
declare const LIBC_NAME: string | undefined;
const NAME = typeof LIBC_NAME === "undefined" ? "libc.so.6" : LIBC_NAME;

/** This is the build for musl. */
export const IS_FOR_MUSL = NAME.includes("musl");

const SYMBOLS = {
  __errno_location: { args: [], returns: "ptr" },
  chroot: { args: ["ptr"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  flock: { args: ["i32", "i32"], returns: "i32" },
  getenv: { args: ["ptr"], returns: "ptr" },
  getrlimit: { args: ["i32", "ptr"], returns: "i32" },
  isatty: { args: ["i32"], returns: "i32" },
  madvise: { args: ["u64", "u64", "i32"], returns: "i32" },
  mount: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  setrlimit: { args: ["i32", "ptr"], returns: "i32" },
  signal: { args: ["i32", "i64"], returns: "i64" },
  syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64"], returns: "i64" },
  umount2: { args: ["ptr", "i32"], returns: "i32" },
  waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" },
  unshare: { args: ["i32"], returns: "i32" },
} as const;

type Libc = ReturnType<typeof dlopen<typeof SYMBOLS>>["symbols"];

let opened: Libc | undefined;

/** The functions of libc, opened on first use. Open them before a root switch: afterwards the library may be out of sight. */
export function libc(): Libc {
  opened ??= openLibc();
  return opened;
}

/** Passes a call's result through; throws SYSTEM_CALL_FAILED with the errno's name when it is -1. */
export function checked(result: number | bigint, what: string): number {
  if (Number(result) !== -1) return Number(result);
  throw new RunnerError("SYSTEM_CALL_FAILED", `${what} failed with ${errnoName(lastErrno())}`);
}

/** Why the last call failed. Nothing may run between the call and this, or the number is another call's. */
export function lastErrno(): number {
  const address = libc().__errno_location();
  return address === null ? 0 : read.i32(address, 0);
}

/** A string as C wants it. The caller keeps the buffer alive until its call has returned. */
export function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

/** The address of a buffer, for calls that take it as a number. */
export function addressOf(buffer: Buffer): number {
  return Number(ptr(buffer));
}

function openLibc(): Libc {
  try {
    return dlopen(NAME, SYMBOLS).symbols;
  } catch (cause) {
    throw new RunnerError("SYSTEM_CALL_FAILED", `the C library ${NAME} cannot be opened`, {
      cause,
    });
  }
}

/** Such as "EPERM". */
export function errnoName(errno: number): string {
  const entry = Object.entries(constants.errno).find(([, value]) => value === errno);
  return entry?.[0] ?? `errno ${errno}`;
}
