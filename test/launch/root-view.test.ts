import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { privateRootView, resolveIn, textIn } from "../../src/launch/root-view.ts";
import { tempDir } from "../support/temp-dir.ts";
import { put } from "./support/tiny-root.ts";

/** A root beside a secret that no name inside may reach. */
function sampleRoot(dir: ReturnType<typeof tempDir>): string {
  writeFileSync(dir.file("secret"), "outside");
  const root = dir.file("root");
  put(root, "usr/bin/python3.11", "python");
  put(root, "etc/passwd", "inside");
  symlinkSync("python3.11", dir.file("root/usr/bin/python"));
  symlinkSync("usr/bin", dir.file("root/bin"));
  symlinkSync("/usr/bin/python", dir.file("root/absolute"));
  symlinkSync("../../../secret", dir.file("root/climber"));
  symlinkSync(dir.file("secret"), dir.file("root/host-path"));
  symlinkSync("/..", dir.file("root/top"));
  symlinkSync("b", dir.file("root/a"));
  symlinkSync("a", dir.file("root/b"));
  return root;
}

const FOUND = [
  { name: "/usr/bin/python3.11", path: "/usr/bin/python3.11" },
  { name: "usr//bin/./python", path: "/usr/bin/python3.11" },
  { name: "/bin/python", path: "/usr/bin/python3.11" },
  { name: "/absolute", path: "/usr/bin/python3.11" },
  { name: "/../../../etc/passwd", path: "/etc/passwd" },
  { name: "/usr/../etc/passwd", path: "/etc/passwd" },
  { name: "/bin/../../etc/passwd", path: "/etc/passwd" },
  { name: "/top/etc/passwd", path: "/etc/passwd" },
  { name: "/", path: "/" },
];
const NOT_FOUND = [
  { name: "/climber", expected: { kind: "missing", path: "/secret", missing: 1 } },
  { name: "/usr/new/dir", expected: { kind: "missing", path: "/usr/new/dir", missing: 2 } },
  { name: "/usr/new/../x", expected: { kind: "missing", path: "/usr/x", missing: 1 } },
  { name: "/etc/passwd/x", expected: { kind: "not-a-directory", path: "/etc/passwd" } },
  { name: `/${"n".repeat(300)}`, expected: { kind: "missing", missing: 1 } },
];

describe("resolveIn", () => {
  for (const [index, { name, path }] of FOUND.entries()) {
    test(`found, case ${index}: ${name} is ${path}`, () => {
      using dir = tempDir();
      const root = sampleRoot(dir);
      const hostPath = path === "/" ? root : `${root}${path}`;
      expect(resolveIn(privateRootView(root), name)).toMatchObject({
        kind: "found",
        entry: { path, hostPath },
      });
    });
  }

  for (const [index, { name, expected }] of NOT_FOUND.entries()) {
    test(`not found, case ${index}: ${name.slice(0, 40)}`, () => {
      using dir = tempDir();
      expect(resolveIn(privateRootView(sampleRoot(dir)), name)).toMatchObject(expected);
    });
  }

  test("an absolute link to this machine's files stays in the root", () => {
    using dir = tempDir();
    expect(resolveIn(privateRootView(sampleRoot(dir)), "/host-path").kind).toBe("missing");
  });

  test("a circle of links ends", () => {
    using dir = tempDir();
    expect(resolveIn(privateRootView(sampleRoot(dir)), "/a/x").kind).toBe("loop");
  });
});

describe("textIn", () => {
  test("a passwd that is a link out of the root is not read", () => {
    using dir = tempDir();
    const view = privateRootView(sampleRoot(dir));
    expect(textIn(view, "/climber", 100)).toBe("");
    expect(textIn(view, "/etc/passwd", 100)).toBe("inside");
    expect(textIn(view, "/etc/passwd", 5)).toBe("");
    expect(textIn(view, "/etc", 100)).toBe("");
  });

  test("a pipe in a file's place is not waited for", () => {
    using dir = tempDir();
    mkdirSync(dir.file("etc"));
    Bun.spawnSync(["mkfifo", dir.file("etc/passwd")]);
    expect(textIn(privateRootView(dir.path), "/etc/passwd", 100)).toBe("");
  });
});
