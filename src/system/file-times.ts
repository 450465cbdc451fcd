// Times of files to the nanosecond. Bun 1.4.5's own utimes calls lose about 100 ns, and take a number before 1970 for
// the present moment.

import { addressOf, checked, libc } from "./libc.ts";

export interface FileTime {
  /** Since 1970, negative before it. */
  readonly seconds: number;
  /** 0 to 999,999,999, always forward. */
  readonly nanoseconds: number;
}

// https://github.com/torvalds/linux/blob/v6.12/arch/x86/entry/syscalls/syscall_64.tbl and the generic table for arm64
const UTIMENSAT = process.arch === "arm64" ? 88 : 280;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const NO_PATH = 0;

/** struct timespec[2]: access and modification, both the same here. */
const times = new BigInt64Array(4);
const timesAddress = addressOf(Buffer.from(times.buffer));

/** Sets both times of an open file; the filesystem clamps what it cannot hold. Throws SYSTEM_CALL_FAILED. */
export function setFileTimes(descriptor: number, time: FileTime): void {
  fill(time);
  checked(
    libc().syscall(UTIMENSAT, descriptor, NO_PATH, timesAddress, 0, 0),
    "setting a file's times",
  );
}

/** Sets both times of a symbolic link itself. `path` is bytes, as the system has it. */
export function setLinkTimes(path: Buffer, time: FileTime): void {
  fill(time);
  const pathZ = Buffer.concat([path, Buffer.alloc(1)]);
  checked(
    libc().syscall(UTIMENSAT, AT_FDCWD, addressOf(pathZ), timesAddress, AT_SYMLINK_NOFOLLOW, 0),
    "setting a symbolic link's times",
  );
}

function fill({ seconds, nanoseconds }: FileTime): void {
  times[0] = times[2] = BigInt(seconds);
  times[1] = times[3] = BigInt(nanoseconds);
}
