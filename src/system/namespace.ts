// What a process sees of the machine: mounts, its root, device nodes. All of it acts on the calling thread's view,
// which execve makes the process's.

import { addressOf, checked, cString, libc } from "./libc.ts";

const CLONE_NEWNS = 0x20000;
const MNT_DETACH = 2;
const AT_FDCWD = -100;
const S_IFCHR = 0o020000;

export const MS_BIND = 0x1000;
export const MS_REC = 0x4000;
export const MS_PRIVATE = 0x40000;
export const MS_NOSUID = 0x2;
export const MS_NODEV = 0x4;

// glibc before 2.33 has no mknod to link to, and pivot_root is not in every libc, so both go by number.
// https://github.com/torvalds/linux/blob/v6.12/scripts/syscall.tbl
const NUMBERS =
  process.arch === "arm64" ? { mknodat: 33, pivotRoot: 41 } : { mknodat: 259, pivotRoot: 155 };

export interface Mount {
  readonly source: string;
  readonly target: string;
  /** A file system type, or nothing for a bind mount. */
  readonly type?: string;
  readonly flags: number;
  /** The file system's own options. */
  readonly options?: string;
}

/** Gives the calling thread a mount namespace, root and working directory of its own. */
export function unshareMounts(): void {
  checked(libc().unshare(CLONE_NEWNS), "unshare of the mount namespace");
}

/** Mounts. `target` must be free of symbolic links that an image has made: the kernel follows them. */
export function mount({ source, target, type = "none", flags, options }: Mount): void {
  const data = options === undefined ? null : cString(options);
  checked(
    libc().mount(cString(source), cString(target), cString(type), flags, data),
    `mount of ${source} on ${target}`,
  );
}

/** Takes a mount out of sight at once; it ends when nobody uses it. */
export function detach(target: string): void {
  checked(libc().umount2(cString(target), MNT_DETACH), `umount of ${target}`);
}

/** Changes the root directory; the working directory stays where it is. */
export function chroot(path: string): void {
  checked(libc().chroot(cString(path)), `chroot to ${path}`);
}

/** Exchanges the root mount for the one at the working directory and puts the old one on top of it. */
export function pivotRootHere(): void {
  const here = cString(".");
  const address = addressOf(here);
  checked(libc().syscall(NUMBERS.pivotRoot, address, address, 0, 0, 0), "pivot_root");
}

/** Creates a character device. Its mode is what the umask leaves of `mode`. */
export function makeCharacterDevice(
  path: string,
  device: { readonly major: number; readonly minor: number; readonly mode: number },
): void {
  const name = cString(path);
  // The encoding of small device numbers, the only ones made here.
  const number = device.major * 256 + device.minor;
  checked(
    libc().syscall(NUMBERS.mknodat, AT_FDCWD, addressOf(name), S_IFCHR | device.mode, number, 0),
    `mknod of ${path}`,
  );
}
