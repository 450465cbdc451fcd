// What a private root needs besides the image's files: places to mount the kernel's trees, the machine's resolv.conf
// and hosts, a /tmp. Written through names that are resolved inside the root, never through a link of the image.

import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { posix } from "node:path";
import { changeIn } from "./owned-directory.ts";
import { hostPathOf, privateRootView, resolveIn } from "./root-view.ts";

export interface MountPoint {
  /** A kernel's tree in the runner's own root. */
  readonly source: string;
  /** The directory in the private root, as this machine names it; free of links. */
  readonly target: string;
}

const KERNEL_TREES = ["/proc", "/sys", "/dev"];
// Copied rather than mounted: it works without privileges, it cannot be led astray by an image whose file is a link,
// and a bind mount would not follow the runner's file either once that has been replaced by rename.
const MACHINE_FILES = ["resolv.conf", "hosts"];

/**
 * Furnishes a root and returns where the kernel's trees go. Several processes of a server may do so at once, while
 * others of it are using the root already.
 */
export function furnishRoot(root: string): MountPoint[] {
  const etc = directoryIn(root, "/etc");
  if (etc !== undefined) for (const name of MACHINE_FILES) copyMachineFile(name, etc);
  return furnishDirectories(root);
}

/** The part of it that holds on any machine. */
export function furnishDirectories(root: string): MountPoint[] {
  giveTmp(root);
  return KERNEL_TREES.flatMap((source) => {
    const target = directoryIn(root, source);
    return target === undefined ? [] : [{ source, target }];
  });
}

/** The directory that a name leads to inside a root, created when it is missing; nothing when a file is in its place. */
export function directoryIn(root: string, path: string): string | undefined {
  const resolution = resolveIn(privateRootView(root), path);
  if (resolution.kind === "found") {
    return resolution.entry.stats.isDirectory() ? resolution.entry.hostPath : undefined;
  }
  if (resolution.kind !== "missing") return undefined;
  const directory = hostPathOf(root, resolution.path);
  const names = resolution.path.split("/").slice(1, -resolution.missing);
  changeIn(hostPathOf(root, posix.join("/", ...names)), () =>
    mkdirSync(directory, { recursive: true, mode: 0o755 }),
  );
  return directory;
}

function giveTmp(root: string): void {
  if (resolveIn(privateRootView(root), "/tmp").kind !== "missing") return;
  const directory = directoryIn(root, "/tmp");
  if (directory !== undefined) chmodSync(directory, 0o1777);
}

function copyMachineFile(name: string, etc: string): void {
  const content = contentOf(`/etc/${name}`);
  const target = `${etc}/${name}`;
  const existing = lstatSync(target, { throwIfNoEntry: false });
  if (content === undefined || existing?.isDirectory() === true) return;
  if (existing !== undefined && isReadable(existing) && contentOf(target)?.equals(content)) return;
  changeIn(etc, () => {
    // Not in place: somebody may be reading it. wx: a link is refused rather than followed.
    const draft = `${target}.${crypto.randomUUID()}`;
    writeFileSync(draft, content, { flag: "wx", mode: 0o644 });
    renameSync(draft, target);
  });
}

function isReadable(file: Stats): boolean {
  return file.isFile() && (file.mode & 0o444) === 0o444;
}

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
