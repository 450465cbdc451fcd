// What the file system's refusals mean: errno names, and the two errors that they become. Knows no file.

import { RunnerError, type Stage } from "../errors.ts";

const FULL: readonly string[] = ["ENOSPC", "EDQUOT"];
const NOT_ALLOWED: readonly string[] = ["EACCES", "EPERM", "EROFS"];

/** The name of a failed system call's errno, such as `ENOENT`; "" for any other error. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Whether the disk, or this user's share of it, is full. */
export function isDiskFull(error: unknown): boolean {
  return FULL.includes(errnoOf(error));
}

/** Whether this user may not write there. */
export function isNotAllowed(error: unknown): boolean {
  return NOT_ALLOWED.includes(errnoOf(error));
}

/** DISK_FULL or DISK_UNWRITABLE, whichever the failure means, with a message for each. */
export function diskError(
  cause: unknown,
  messages: {
    readonly full: string;
    readonly unwritable: string;
    /** For the second of them, where it is not WORK_DIR that has to change. */
    readonly unwritableHint?: string;
    readonly stage?: Stage;
  },
): RunnerError {
  const { full, unwritable, unwritableHint, ...where } = messages;
  const options = { cause, ...where };
  if (isDiskFull(cause)) return new RunnerError("DISK_FULL", full, options);
  const hint = unwritableHint === undefined ? {} : { hint: unwritableHint };
  return new RunnerError("DISK_UNWRITABLE", unwritable, { ...options, ...hint });
}
