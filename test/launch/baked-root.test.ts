import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { BAKED_IMAGE_FILE, bakeRoot } from "../../src/launch/baked-root.ts";
import { serverIdentity } from "../../src/launch/ownership.ts";
import { needsThat } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";
import { put } from "./support/tiny-root.ts";

const owner = serverIdentity();

function bake(root: string, unsafeWorkingDirectory = "/app", unsafeHome = "/app") {
  const directories = { unsafeWorkingDirectory, unsafeHome };
  return bakeRoot(root, { owner, ...directories, description: "a description\n" });
}

function modeOf(path: string): number {
  return lstatSync(path).mode & 0o7777;
}

describe("a root that is baked", () => {
  test("holds its description, and what a server needs that the image lacks", () => {
    using root = tempDir();
    bake(root.path, "/app/deep");
    expect(readFileSync(join(root.path, BAKED_IMAGE_FILE), "utf8")).toBe("a description\n");
    expect(readdirSync(root.path).sort()).toEqual([
      ".fastmcp-runner",
      "app",
      "dev",
      "proc",
      "sys",
      "tmp",
    ]);
    expect(modeOf(root.file("tmp"))).toBe(0o1777);
    expect(lstatSync(root.file("app/deep"))).toMatchObject({ uid: owner.uid, gid: owner.gid });
  });

  test("has the server's home, or says why it cannot", () => {
    using root = tempDir();
    expect(bake(root.path, "/app", "/srv/me")).toBeUndefined();
    expect(lstatSync(root.file("srv/me"))).toMatchObject({ uid: owner.uid, gid: owner.gid });
    using other = tempDir();
    const name = "x".repeat(256);
    expect(bake(other.path, "/app", `/${name}`)).toContain("which does not exist and cannot be");
  });

  test("can be entered by the server, whatever the image says about its root", () => {
    using root = tempDir();
    chmodSync(root.path, 0o700);
    bake(root.path);
    expect(modeOf(root.path)).toBe(0o755);
  });

  test("gets nothing of the machine that bakes it", () => {
    using root = tempDir();
    put(root.path, "etc/hosts", "the image's\n");
    bake(root.path);
    expect(readdirSync(root.file("etc"))).toEqual(["hosts"]);
    expect(readFileSync(root.file("etc/hosts"), "utf8")).toBe("the image's\n");
  });

  test("has no setuid bits", () => {
    using root = tempDir();
    const program = put(root.path, "usr/bin/su", "", 0o6755);
    bake(root.path);
    expect(modeOf(program)).toBe(0o755);
  });

  needsThat(process.geteuid?.() === 0, "needs root")(
    "belongs to the server's user, but for its top and what is the runner's",
    () => {
      using root = tempDir();
      put(root.path, "app/server", "");
      bake(root.path);
      const owners = ["", "app", "app/server", BAKED_IMAGE_FILE].map(
        (path) => lstatSync(join(root.path, path)).uid,
      );
      expect(owners).toEqual([0, owner.uid, owner.uid, 0]);
    },
  );
});

describe("an image with something in the runner's place is refused, and not followed:", () => {
  const places: Readonly<Record<string, (path: string, outside: string) => void>> = {
    "a directory": (path) => mkdirSync(path),
    "a file": (path) => writeFileSync(path, ""),
    "a link out of it": (path, outside) => symlinkSync(outside, path),
    "a link to nothing": (path) => symlinkSync("/nonexistent", path),
  };
  test.each(Object.entries(places))("%s", (_, make) => {
    using root = tempDir();
    using outside = tempDir();
    make(root.file(".fastmcp-runner"), outside.path);
    expect(() => bake(root.path)).toThrow("the image has a /.fastmcp-runner of its own");
    expect(readdirSync(outside.path)).toEqual([]);
  });
});

test("a working directory that cannot be is refused where it is baked, not where it starts", () => {
  using root = tempDir();
  put(root.path, "app", "a file\n");
  expect(() => bake(root.path)).toThrow("the working directory /app cannot be used");
});
