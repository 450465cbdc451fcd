import { describe, expect, test } from "bun:test";
import { chmodSync, lstatSync, symlinkSync, writeFileSync } from "node:fs";
import { giveTree, serverIdentity } from "../../src/launch/ownership.ts";
import { needsThat } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";
import { AS_ROOT, put } from "./support/tiny-root.ts";

describe("giveTree", () => {
  test("clears setuid and setgid bits, keeps the others, and counts", () => {
    using dir = tempDir();
    const root = dir.file("root");
    put(root, "bin/su", "12345");
    chmodSync(dir.file("root/bin/su"), 0o6755);
    chmodSync(dir.file("root/bin"), 0o3777);
    expect(giveTree(root, serverIdentity())).toEqual({ entries: 3, bytes: 5 });
    expect(lstatSync(dir.file("root/bin/su")).mode & 0o7777).toBe(0o755);
    expect(lstatSync(dir.file("root/bin")).mode & 0o7777).toBe(0o1777);
  });

  needsThat(AS_ROOT, "needs root")("gives links themselves and names that are not UTF-8", () => {
    using dir = tempDir();
    const root = dir.file("root");
    writeFileSync(dir.file("outside"), "");
    put(root, "x", "");
    symlinkSync("../outside", dir.file("root/link"));
    const strange = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe])]);
    writeFileSync(strange, "");
    giveTree(root, { uid: 1000, gid: 1000 });
    expect(lstatSync(dir.file("root/link"))).toMatchObject({ uid: 1000, gid: 1000 });
    expect(lstatSync(strange)).toMatchObject({ uid: 1000, gid: 1000 });
    expect(lstatSync(dir.file("outside")).uid).toBe(0);
  });
});
