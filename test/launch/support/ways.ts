// Every way to become the server that this machine may have, for tests of what has to be the same in all of them.

import { bakeRoot } from "../../../src/launch/baked-root.ts";
import { serverIdentity } from "../../../src/launch/ownership.ts";
import {
  mountProblem,
  ORDINARY_USER,
  otherUserProblem,
  runModeProblem,
} from "../../support/privileges.ts";
import { programProblem } from "../../support/requirements.ts";
import type { TempDir } from "../../support/temp-dir.ts";
import { inOwnedRoot } from "./owned-root.ts";
import { AS_ROOT, onlyPrograms, type StartOptions } from "./tiny-root.ts";

export interface Way {
  readonly name: string;
  /** What this machine lacks for it, if anything. */
  readonly problem: string | undefined;
  readonly options: (dir: TempDir) => Partial<StartOptions>;
  /** What an image's tree needs before. */
  readonly prepare?: (root: string) => void;
  /** The tree is the server's before the start: an ordinary user's own, or one that a cache has given away. */
  readonly given?: "by its unpacking" | "by the cache";
  /** A helper stays, so that the server's PID is another than the runner's. */
  readonly monitored?: true;
  /** The server is in the runner's own root and only the safe paths are the image's. */
  readonly overlay?: true;
  /** The server is in the runner's own root, which is the image's. */
  readonly baked?: true;
  /** The server sees this machine's files, and the image's below the tree's own name. */
  readonly loader?: true;
  /** The stand-in for su-exec is written in Go, which raises the limit of open files. */
  readonly goLimits?: true;
}

/** An ordinary user: another than root's tests themselves are, or who they are. */
export const ORDINARY = AS_ROOT ? { uid: ORDINARY_USER } : {};
export const NOT_ROOT = AS_ROOT ? undefined : "needs root";
export const NO_MOUNTS = mountProblem();
export const NO_NAMESPACE = AS_ROOT
  ? (otherUserProblem() ?? runModeProblem(ORDINARY_USER))
  : runModeProblem();
const NO_OTHER_USER = AS_ROOT ? otherUserProblem() : undefined;
const WITHOUT_MOUNTS = ["setpriv", "--bounding-set", "-sys_admin"];

function without(problem: string | undefined, ...programs: readonly string[]): string | undefined {
  return problem ?? programProblem(...programs);
}

const PRIVATE: readonly Way[] = [
  { name: "chroot", problem: NO_MOUNTS, options: () => ({ mode: "chroot" }) },
  {
    name: "chroot without mounts",
    problem: without(NOT_ROOT, "setpriv"),
    options: () => ({ mode: "chroot", through: WITHOUT_MOUNTS }),
  },
  {
    name: "userns by unshare",
    problem: without(NO_NAMESPACE, "unshare"),
    options: (dir) => ({
      ...ORDINARY,
      mode: "userns",
      searchPath: onlyPrograms(dir, { unshare: "unshare" }),
    }),
    given: "by its unpacking",
  },
  {
    name: "userns by bubblewrap",
    problem: without(NO_NAMESPACE, "bwrap"),
    options: (dir) => ({
      ...ORDINARY,
      mode: "userns",
      searchPath: onlyPrograms(dir, { bwrap: "bwrap" }),
    }),
    given: "by its unpacking",
    monitored: true,
  },
  {
    name: "proot",
    problem: without(NO_OTHER_USER, "proot"),
    options: () => ({ ...ORDINARY, mode: "proot" }),
    given: "by its unpacking",
    monitored: true,
  },
  {
    name: "proot for root",
    problem: without(NOT_ROOT, "proot"),
    options: () => ({ mode: "proot" }),
    monitored: true,
  },
];

const ON_SHARED_TREES: readonly Way[] = PRIVATE.map((way) => ({
  ...way,
  name: `${way.name}, on a shared tree`,
  options: (dir) => ({ ...way.options(dir), shared: true }),
  given: "by the cache",
}));

const OTHERS: readonly Way[] = [
  {
    name: "loader",
    problem: NO_OTHER_USER,
    options: () => ({ ...ORDINARY, mode: "loader" }),
    given: "by its unpacking",
    loader: true,
  },
  {
    name: "loader for root",
    problem: NOT_ROOT,
    options: () => ({ mode: "loader" }),
    loader: true,
  },
  {
    name: "overlay in process",
    problem: without(NO_MOUNTS, "unshare"),
    options: (dir) => ({
      mode: "overlay",
      searchPath: onlyPrograms(dir, {}),
      through: inOwnedRoot(dir),
    }),
    overlay: true,
  },
  {
    name: "overlay by su-exec",
    problem: without(NO_MOUNTS, "unshare", "gosu"),
    options: (dir) => ({
      mode: "overlay",
      searchPath: onlyPrograms(dir, { "su-exec": "gosu", env: "env" }),
      through: inOwnedRoot(dir),
    }),
    overlay: true,
    goLimits: true,
  },
  {
    name: "baked",
    problem: without(NO_MOUNTS, "unshare", "tar"),
    options: (dir) => ({ mode: "baked", through: inOwnedRoot(dir, overTheOwn(dir.file("root"))) }),
    prepare: (root) =>
      bakeRoot(root, {
        owner: serverIdentity(),
        unsafeWorkingDirectory: "/",
        unsafeHome: "/",
        description: "of no interest here",
      }),
    baked: true,
  },
];

export const WAYS: readonly Way[] = [...PRIVATE, ...ON_SHARED_TREES, ...OTHERS];

/**
 * Shell that puts a tree over an owned root, as a build's COPY does it: what is a link in the runner's root may be a
 * directory in the image. The kernel's trees are this machine's own there.
 */
export function overTheOwn(root: string): string {
  const left = ["dev", "proc", "sys"].map((name) => `--exclude=./${name}`).join(" ");
  return `tar -C "${root}" ${left} -c . | tar -C "$1" -x -p --keep-directory-symlink`;
}
