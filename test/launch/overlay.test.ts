import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { applyOverlay } from "../../src/launch/overlay.ts";
import { overlayRootView, planOverlay } from "../../src/launch/overlay-plan.ts";
import { giveTree, serverIdentity } from "../../src/launch/ownership.ts";
import { findIn } from "../../src/launch/root-view.ts";
import { removeTree } from "../../src/system/private-directory.ts";
import { ORDINARY_USER, otherUserProblem } from "../support/privileges.ts";
import { needsThat, unless } from "../support/requirements.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";
import { AS_ROOT, put } from "./support/tiny-root.ts";
import { snapshotOf } from "./support/tree-snapshot.ts";

const OTHER_FILE_SYSTEM = "/dev/shm";
const testAcross = needsThat(
  existsSync(OTHER_FILE_SYSTEM) && lstatSync(OTHER_FILE_SYSTEM).dev !== lstatSync("/tmp").dev,
  "needs /dev/shm on another file system than /tmp",
);
const testAsRoot = needsThat(AS_ROOT, "needs root");

function roots(dir: TempDir): { staged: string; runtime: string } {
  mkdirSync(dir.file("staged"));
  mkdirSync(dir.file("runtime"));
  return { staged: dir.file("staged"), runtime: dir.file("runtime") };
}

function overlay(staged: string, runtime: string) {
  return applyOverlay(planOverlay(staged, runtime), serverIdentity(), { shared: false });
}

describe("applyOverlay", () => {
  test("safe paths move, system directories stay, and sizes are told", async () => {
    using dir = tempDir();
    const { staged, runtime } = roots(dir);
    put(staged, "app/server.js", "server");
    put(staged, "opt/tool/bin/x", "12345");
    put(staged, "usr/local/lib/python3.12/site-packages/a.py", "a");
    put(staged, "usr/local/lib/python3.12/os.py", "standard library");
    put(staged, "usr/bin/python3", "interpreter");
    put(staged, "etc/passwd", "image");
    put(staged, "var/log/x", "log");
    const report = await overlay(staged, runtime);
    expect(report.leftOut).toEqual([]);
    expect(report.kept).toEqual([
      { path: "/app", entries: 2, bytes: 6 },
      { path: "/opt", entries: 4, bytes: 5 },
      { path: "/usr/local/lib/python3.12/site-packages", entries: 2, bytes: 1 },
    ]);
    expect(readFileSync(join(runtime, "app/server.js"), "utf8")).toBe("server");
    expect(existsSync(join(runtime, "usr/local/lib/python3.12/site-packages/a.py"))).toBe(true);
    for (const path of ["usr/local/lib/python3.12/os.py", "usr/bin", "etc", "var"]) {
      expect(existsSync(join(runtime, path))).toBe(false);
    }
  });

  test("what the root has keeps its content and mode, and new names join it", async () => {
    using dir = tempDir();
    const { staged, runtime } = roots(dir);
    put(runtime, "var/lib/apk/installed", "the runner's", 0o640);
    chmodSync(join(runtime, "var/lib/apk"), 0o711);
    put(staged, "var/lib/apk/installed", "the image's");
    put(staged, "var/lib/apk/new", "new");
    put(staged, "var/lib/dpkg/status", "status");
    const report = await overlay(staged, runtime);
    expect(report.leftOut).toEqual([{ path: "/var/lib/apk/installed", why: "exists already" }]);
    expect(readFileSync(join(runtime, "var/lib/apk/installed"), "utf8")).toBe("the runner's");
    expect(lstatSync(join(runtime, "var/lib/apk")).mode & 0o777).toBe(0o711);
    expect(existsSync(join(runtime, "var/lib/apk/new"))).toBe(true);
    expect(existsSync(join(runtime, "var/lib/dpkg/status"))).toBe(true);
  });

  test("a file does not take the place of a directory, nor a directory of a file or a link", async () => {
    using dir = tempDir();
    const { staged, runtime } = roots(dir);
    put(runtime, "opt/a/file", "runner");
    put(runtime, "opt/b", "runner");
    put(runtime, "etc/keep", "runner");
    symlinkSync("../etc", join(runtime, "opt/c"));
    put(staged, "opt/a", "image");
    put(staged, "opt/b/x", "image");
    put(staged, "opt/c/keep", "image");
    put(staged, "opt/c/planted", "image");
    const left = (await overlay(staged, runtime)).leftOut.map(({ path }) => path);
    expect(left.toSorted()).toEqual(["/opt/a", "/opt/b", "/opt/c"]);
    expect(readFileSync(join(runtime, "etc/keep"), "utf8")).toBe("runner");
    expect(existsSync(join(runtime, "etc/planted"))).toBe(false);
  });

  test("a safe path that a link on the root leads elsewhere is left out", async () => {
    using dir = tempDir();
    const { staged, runtime } = roots(dir);
    put(runtime, "etc/keep", "runner");
    symlinkSync("etc", join(runtime, "app"));
    symlinkSync("etc", join(runtime, "var"));
    put(staged, "app/keep", "image");
    put(staged, "var/lib/x", "image");
    expect(await overlay(staged, runtime)).toEqual({
      kept: [],
      leftOut: [
        { path: "/app", why: "is reached through a link on the runner's root (/app)" },
        { path: "/var/lib", why: "is reached through a link on the runner's root (/var)" },
      ],
      placed: [],
    });
    expect(readFileSync(join(runtime, "etc/keep"), "utf8")).toBe("runner");
  });

  test("a safe path that is a link in the image is left out, and a link below one moves as it is", async () => {
    using dir = tempDir();
    const { staged, runtime } = roots(dir);
    put(staged, "etc/shadow", "image");
    mkdirSync(join(staged, "data"));
    symlinkSync("etc", join(staged, "opt"));
    symlinkSync("/etc", join(staged, "home"));
    symlinkSync("/etc", join(staged, "data/link"));
    const report = await overlay(staged, runtime);
    expect(report.kept.map(({ path }) => path)).toEqual(["/data"]);
    expect(report.leftOut.map(({ path }) => path)).toEqual(["/home", "/opt"]);
    expect(readlinkSync(join(runtime, "data/link"))).toBe("/etc");
    expect(existsSync(join(runtime, "home"))).toBe(false);
  });

  test("a safe path may be a single file, and modes without write permission survive the move", async () => {
    using dir = tempDir();
    const { staged, runtime } = roots(dir);
    put(staged, "app", "a static server", 0o755);
    put(staged, "opt/locked/file", "x", 0o444);
    chmodSync(join(staged, "opt/locked"), 0o555);
    await overlay(staged, runtime);
    expect(lstatSync(join(runtime, "app")).mode & 0o777).toBe(0o755);
    expect(lstatSync(join(runtime, "opt/locked")).mode & 0o777).toBe(0o555);
    expect(existsSync(join(staged, "opt/locked"))).toBe(false);
  });

  testAcross(
    "across file systems the tree is copied with links, modes, times and shared files",
    async () => {
      using dir = tempDir();
      const { staged } = roots(dir);
      const runtime = join(OTHER_FILE_SYSTEM, `fastmcp-runner-test-${process.pid}`);
      mkdirSync(runtime);
      try {
        put(staged, "app/tool", "tool", 0o750);
        linkSync(join(staged, "app/tool"), join(staged, "app/again"));
        symlinkSync("/nowhere", join(staged, "app/link"));
        put(staged, "app/locked/file", "x");
        chmodSync(join(staged, "app/locked"), 0o555);
        const before = lstatSync(join(staged, "app/tool"));
        expect((await overlay(staged, runtime)).leftOut).toEqual([]);
        const after = lstatSync(join(runtime, "app/tool"));
        expect(after.ino).toBe(lstatSync(join(runtime, "app/again")).ino);
        expect(after.mode & 0o777).toBe(0o750);
        expect(after.mtime).toEqual(before.mtime);
        expect(readlinkSync(join(runtime, "app/link"))).toBe("/nowhere");
        expect(lstatSync(join(runtime, "app/locked")).mode & 0o777).toBe(0o555);
      } finally {
        removeTree(runtime);
      }
    },
  );

  test("a tree that others use as well is copied, and stays as it is", async () => {
    using dir = tempDir();
    const { staged, runtime } = roots(dir);
    put(runtime, "opt/own", "runner");
    put(staged, "app/tool", "tool", 0o750);
    linkSync(join(staged, "app/tool"), join(staged, "app/again"));
    put(staged, "app/locked/file", "x");
    chmodSync(join(staged, "app/locked"), 0o555);
    put(staged, "opt/own", "image");
    giveTree(staged, serverIdentity());
    const before = snapshotOf(staged);
    const plan = planOverlay(staged, runtime);
    const report = await applyOverlay(plan, serverIdentity(), { shared: true });
    expect(report.kept).toEqual([
      { path: "/app", entries: 5, bytes: 9 },
      { path: "/opt", entries: 2, bytes: 5 },
    ]);
    expect(report.leftOut).toEqual([{ path: "/opt/own", why: "exists already" }]);
    expect(report.placed.map(String)).toEqual([join(runtime, "app")]);
    writeFileSync(join(runtime, "app/tool"), "changed");
    expect(readFileSync(join(runtime, "app/again"), "utf8")).toBe("changed");
    expect(lstatSync(join(runtime, "app/tool")).uid).toBe(serverIdentity().uid);
    expect(lstatSync(join(runtime, "app/locked")).mode & 0o777).toBe(0o555);
    expect(snapshotOf(staged)).toEqual(before);
  });

  testAsRoot("as root what moved belongs to the server and what was there does not", async () => {
    using dir = tempDir();
    const { staged, runtime } = roots(dir);
    mkdirSync(join(runtime, "opt"));
    put(staged, "opt/tool/bin/su", "su", 0o755);
    chmodSync(join(staged, "opt/tool/bin/su"), 0o6755);
    put(staged, "app/x", "x");
    await overlay(staged, runtime);
    expect(lstatSync(join(runtime, "opt")).uid).toBe(0);
    for (const path of ["opt/tool", "opt/tool/bin/su", "app", "app/x"]) {
      expect(lstatSync(join(runtime, path))).toMatchObject({ uid: 1000, gid: 1000 });
    }
    expect(lstatSync(join(runtime, "opt/tool/bin/su")).mode & 0o7777).toBe(0o755);
  });
});

describe("overlayRootView", () => {
  test("shows what the root will be: its own entries, then the image's safe paths, nothing else of the image", async () => {
    using dir = tempDir();
    const { staged, runtime } = roots(dir);
    put(runtime, "bin/sh", "runner");
    put(runtime, "opt/both", "runner");
    put(staged, "opt/both", "image");
    put(staged, "opt/deep/er/tool", "image");
    put(staged, "bin/sh", "image");
    put(staged, "usr/bin/node", "image");
    symlinkSync("/usr/bin/node", join(staged, "opt/node"));
    const view = overlayRootView(planOverlay(staged, runtime));
    const origins = ["/bin/sh", "/opt/both", "/opt/deep/er/tool", "/usr/bin/node", "/opt/node"].map(
      (path) => findIn(view, path)?.origin,
    );
    expect(origins).toEqual(["runner", "runner", "image", undefined, undefined]);
  });

  unless(otherUserProblem())(
    "an ordinary user's view leaves out what it may not write",
    async () => {
      using dir = tempDir();
      const { staged, runtime } = roots(dir);
      chmodSync(dir.path, 0o755);
      mkdirSync(join(runtime, "opt"), { mode: 0o755 });
      put(staged, "opt/tool", "image");
      put(staged, "app/tool", "image");
      const script = `
      import { overlayRootView, planOverlay } from ${JSON.stringify(join(import.meta.dir, "../../src/launch/overlay-plan.ts"))};
      import { findIn } from ${JSON.stringify(join(import.meta.dir, "../../src/launch/root-view.ts"))};
      const plan = planOverlay(${JSON.stringify(staged)}, ${JSON.stringify(runtime)});
      const seen = findIn(overlayRootView(plan), "/opt/tool")?.path;
      require("node:fs").writeSync(1, JSON.stringify({ left: plan.leftOut, moved: plan.moved, seen }));`;
      const child = Bun.spawn([process.execPath, "-e", script], {
        uid: ORDINARY_USER,
        gid: ORDINARY_USER,
        cwd: "/",
      });
      expect(JSON.parse(await new Response(child.stdout).text())).toEqual({
        left: [{ path: "/app", why: "may not be written by this user" }],
        moved: ["/opt"],
      });
    },
  );
});
