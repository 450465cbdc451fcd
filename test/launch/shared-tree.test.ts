// A tree that others use as well, in every way to give a server a root of its own: what it does is seen by it alone.

import { describe, expect } from "bun:test";
import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { giveTree, serverIdentity } from "../../src/launch/ownership.ts";
import {
  mountProblem,
  ORDINARY_USER,
  otherUserProblem,
  runModeProblem,
} from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";
import {
  AS_ROOT,
  onlyPrograms,
  put,
  run,
  tinyRoot,
  type StartOptions,
} from "./support/tiny-root.ts";
import { snapshotOf } from "./support/tree-snapshot.ts";

interface Way {
  readonly name: string;
  readonly problem: string | undefined;
  readonly options: (dir: TempDir) => Partial<StartOptions>;
  /** The run's directory lies on an overlayfs, which holds no changes of another. */
  readonly onOverlayfs?: true;
  /** What the log says of it. */
  readonly says: RegExp;
}

const NO_MOUNTS = mountProblem();
const NO_NAMESPACE = AS_ROOT
  ? (otherUserProblem() ?? runModeProblem(ORDINARY_USER))
  : runModeProblem();
const ORDINARY = AS_ROOT ? { uid: ORDINARY_USER } : {};

const LAYERED = /the server's changes are laid over the cached tree by overlayfs\n/;
const REFUSED = /the server gets a copy of the cached tree: .* failed with E[A-Z]+\n/;

const WAYS: readonly Way[] = [
  { name: "chroot", problem: NO_MOUNTS, options: () => ({ mode: "chroot" }), says: LAYERED },
  {
    name: "chroot without mounts",
    problem: AS_ROOT ? programProblem("setpriv") : "needs root",
    options: () => ({ mode: "chroot", through: ["setpriv", "--bounding-set", "-sys_admin"] }),
    says: /the server gets a copy of the cached tree: nothing can be mounted here\n/,
  },
  {
    name: "chroot, its run directory on an overlayfs",
    problem: NO_MOUNTS,
    options: () => ({ mode: "chroot" }),
    onOverlayfs: true,
    says: REFUSED,
  },
  {
    name: "userns by unshare",
    problem: NO_NAMESPACE ?? programProblem("unshare"),
    options: (dir) => ({ ...ORDINARY, searchPath: onlyPrograms(dir, { unshare: "unshare" }) }),
    says: LAYERED,
  },
  {
    name: "userns by bubblewrap",
    problem: NO_NAMESPACE ?? programProblem("bwrap"),
    options: (dir) => ({ ...ORDINARY, searchPath: onlyPrograms(dir, { bwrap: "bwrap" }) }),
    says: LAYERED,
  },
  {
    name: "userns, its run directory on an overlayfs",
    problem: NO_MOUNTS ?? NO_NAMESPACE ?? programProblem("unshare"),
    options: (dir) => ({ ...ORDINARY, searchPath: onlyPrograms(dir, { unshare: "unshare" }) }),
    onOverlayfs: true,
    says: REFUSED,
  },
  {
    name: "proot",
    problem: programProblem("proot") ?? (AS_ROOT ? otherUserProblem() : undefined),
    options: () => ({ ...ORDINARY, mode: "proot" }),
    says: /the server gets a copy of the cached tree: nothing can be mounted here\n/,
  },
];

// What a server sees of a tree, and then everything that it can do to it.
const SCRIPT = `
set -e
cat /app/data /app/inside/file /app/first
stat -c '%a %u' / /app /app/data
ls -A /app
echo written over > /app/data
echo by one of two names > /app/first
rm /app/gone
rm -r /app/inside
mkdir /app/inside
ls -A /app/inside
echo new > /app/new
chmod 700 /app/mode
touch /app/mode
mv /app/moved /app/elsewhere
ln -sf nowhere /app/link
cat /app/data /app/first /app/new >&2`;

function sharedTree(dir: TempDir): string {
  const root = tinyRoot(dir);
  put(root, "app/busybox", readFileSync(join(root, "bin/busybox")), 0o755);
  put(root, "app/serve", `#!/bin/sh${SCRIPT}\n`, 0o755);
  for (const name of ["rm", "touch", "mv", "ln", "chmod"])
    symlinkSync("busybox", join(root, "bin", name));
  for (const name of ["data", "gone", "mode", "moved"]) put(root, `app/${name}`, `${name}\n`);
  put(root, "app/inside/file", "inside\n");
  put(root, "app/first", "two names\n");
  linkSync(join(root, "app/first"), join(root, "app/second"));
  symlinkSync("data", join(root, "app/link"));
  chmodSync(root, 0o750);
  giveTree(root, serverIdentity());
  return root;
}

/** An overlayfs of the test's own, for as long as it is in use. */
function overlayfs(dir: TempDir): Disposable & { readonly path: string } {
  const base = dir.file("base");
  mkdirSync(base);
  must("mount", "-t", "tmpfs", "tmpfs", base);
  for (const name of ["lower", "upper", "work", "merged"]) mkdirSync(join(base, name));
  const options = `lowerdir=${base}/lower,upperdir=${base}/upper,workdir=${base}/work`;
  must("mount", "-t", "overlay", "overlay", "-o", options, `${base}/merged`);
  for (const path of [base, `${base}/merged`]) chmodSync(path, 0o777);
  const path = `${base}/merged`;
  return { path, [Symbol.dispose]: () => must("umount", "-R", base) };
}

function must(...argv: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...argv], { stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr.toString()}`);
}

describe.each(WAYS.map((way) => [way.name, way] as const))("%s", (_, way) => {
  unless(programProblem("busybox"), way.problem)(
    "a server changes what it likes, the tree stays, and the next start sees the tree",
    async () => {
      using dir = tempDir();
      const root = sharedTree(dir);
      using place = way.onOverlayfs && overlayfs(dir);
      const options: StartOptions = {
        command: ["/app/serve"],
        shared: true,
        logLevel: "debug",
        ...(place && { scratchParent: place.path }),
        ...way.options(dir),
      };
      const before = snapshotOf(root);

      const first = await run(dir, root, options);
      expect(first.stderr).toMatch(way.says);
      expect(first.stderr).toEndWith("written over\nby one of two names\nnew\n");
      const { uid } = serverIdentity();
      expect(first.stdout).toStartWith(
        `data\ninside\ntwo names\n750 ${uid}\n755 ${uid}\n644 ${uid}\n`,
      );
      expect(first.stdout).toEndWith("\nserve\n");
      expect(first.status).toBe(0);
      expect(snapshotOf(root)).toEqual(before);

      const second = await run(dir, root, options);
      expect(second.stdout).toBe(first.stdout);
      expect(second.status).toBe(0);
      expect(snapshotOf(root)).toEqual(before);
    },
  );
});

describe("a shared tree", () => {
  unless(programProblem("busybox"), NO_MOUNTS)(
    "is out of the server's sight, and so is what the run keeps beside it",
    async () => {
      using dir = tempDir();
      const root = sharedTree(dir);
      put(root, "app/serve", "#!/bin/sh\ncat /proc/self/mountinfo; ls -A /\n", 0o755);
      const { stdout } = await run(dir, root, {
        command: ["/app/serve"],
        mode: "chroot",
        shared: true,
      });
      expect(stdout).toContain(" / / rw,nosuid,nodev");
      expect(stdout).not.toContain(dir.path);
    },
  );

  unless(programProblem("busybox"), NO_MOUNTS)(
    "has its missing working directory in the run's own layer",
    async () => {
      using dir = tempDir();
      const root = sharedTree(dir);
      put(root, "app/serve", "#!/bin/sh\npwd; stat -c %u . ..\n", 0o755);
      giveTree(root, serverIdentity());
      const before = snapshotOf(root);
      const { stdout } = await run(dir, root, {
        command: ["/app/serve"],
        mode: "chroot",
        shared: true,
        workingDir: "/srv/new/er",
      });
      const { uid } = serverIdentity();
      expect(stdout).toBe(`/srv/new/er\n${uid}\n${uid}\n`);
      expect(snapshotOf(root)).toEqual(before);
    },
  );
});
