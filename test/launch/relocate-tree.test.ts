import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { serverIdentity } from "../../src/launch/ownership.ts";
import { relocatedTarget, relocateTree } from "../../src/launch/relocate-tree.ts";
import { tempDir } from "../support/temp-dir.ts";
import { put } from "./support/tiny-root.ts";

interface Case {
  readonly target: string;
  /** How many directories below the root the link lies. */
  readonly depth: number;
  readonly becomes: string | undefined;
}

const CASES: readonly Case[] = [
  { target: "/usr/bin/python3", depth: 0, becomes: "usr/bin/python3" },
  { target: "/usr/bin/python3", depth: 3, becomes: "../../../usr/bin/python3" },
  { target: "//usr/./bin", depth: 1, becomes: "../usr/bin" },
  { target: "/", depth: 0, becomes: "." },
  { target: "/", depth: 2, becomes: "../.." },
  { target: "/../../etc", depth: 1, becomes: "../etc" },
  { target: "python3", depth: 2, becomes: undefined },
  { target: "../lib", depth: 1, becomes: undefined },
  { target: "../../../etc/passwd", depth: 1, becomes: "../etc/passwd" },
  { target: "..", depth: 0, becomes: "." },
  { target: "/dev/stdout", depth: 2, becomes: undefined },
  { target: "/proc/self/fd", depth: 1, becomes: undefined },
  { target: "/sys", depth: 1, becomes: undefined },
  { target: "/device", depth: 0, becomes: "device" },
  { target: "/caf\u00e9", depth: 0, becomes: "caf\u00e9" },
];

describe("a link's text where its root is no root", () => {
  for (const [index, { target, depth, becomes }] of CASES.entries()) {
    test(`case ${index}: ${target}, ${depth} below the root, is ${becomes ?? "left as it is"}`, () => {
      expect(relocatedTarget(target, depth)).toBe(becomes);
    });
  }
});

describe("a tree", () => {
  test("leads nowhere outside afterwards, also from a directory that is closed for changes", () => {
    using dir = tempDir();
    const root = dir.file("root");
    put(root, "etc/alternatives/library", "the image's");
    put(dir.path, "outside", "this machine's");
    const closed = join(root, "usr/lib/closed");
    mkdirSync(closed, { recursive: true });
    symlinkSync("/etc/alternatives/library", join(closed, "absolute"));
    symlinkSync("../../../../etc/alternatives/library", join(closed, "climbing"));
    chmodSync(closed, 0o555);
    relocateTree(root, serverIdentity());
    for (const name of ["absolute", "climbing"]) {
      expect(readlinkSync(join(closed, name))).toBe("../../../etc/alternatives/library");
      expect(readFileSync(join(closed, name), "utf8")).toBe("the image's");
    }
    expect(statSync(closed).mode & 0o7777).toBe(0o555);
    chmodSync(closed, 0o755);
  });

  test("is not left through a link to a directory", () => {
    using dir = tempDir();
    const root = dir.file("root");
    mkdirSync(root);
    mkdirSync(dir.file("outside"));
    symlinkSync("/target", dir.file("outside/link"));
    symlinkSync(dir.file("outside"), join(root, "door"));
    relocateTree(root, serverIdentity());
    expect(readlinkSync(dir.file("outside/link"))).toBe("/target");
    expect(readlinkSync(join(root, "door"))).toBe(dir.file("outside").slice(1));
  });

  test("names Python's directories as this machine does, where the image has them", () => {
    using dir = tempDir();
    const root = dir.file("root");
    put(root, "usr/local/bin/python3", "", 0o755);
    put(root, "app/src/server.py", "");
    const configuration = put(root, "app/.venv/pyvenv.cfg", "home = /usr/local/bin\nversion = 3\n");
    const strange = put(root, "app/old/pyvenv.cfg", "home = /nowhere/bin\n");
    const paths = put(
      root,
      "app/.venv/lib/site-packages/_editable.pth",
      "/app/src\nimport x\n/no\n",
    );
    chmodSync(paths, 0o444);
    relocateTree(root, serverIdentity());
    expect(readFileSync(configuration, "utf8")).toBe(`home = ${root}/usr/local/bin\nversion = 3\n`);
    expect(readFileSync(strange, "utf8")).toBe("home = /nowhere/bin\n");
    expect(readFileSync(paths, "utf8")).toBe(`${root}/app/src\nimport x\n/no\n`);
    expect(statSync(paths).mode & 0o7777).toBe(0o444);
    expect(realpathSync(root)).toBe(root);
  });
});
