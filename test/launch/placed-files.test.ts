import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { rememberPlaced, removePlaced } from "../../src/launch/placed-files.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";

/** A tree of one directory with two files, remembered as placed. */
function placed(dir: TempDir): string {
  mkdirSync(dir.file("app", "lib"), { recursive: true });
  writeFileSync(dir.file("app", "server.js"), "old");
  writeFileSync(dir.file("app", "lib", "a.js"), "old");
  rememberPlaced(dir.file("record"), [Buffer.from(dir.file("app"))]);
  return dir.file("record");
}

describe("removePlaced", () => {
  test("removes what has not changed, directories included", () => {
    using dir = tempDir();
    removePlaced(placed(dir));
    expect(readdirSync(dir.path)).toEqual(["record"]);
  });

  test("leaves what has changed since, and what somebody added", () => {
    using dir = tempDir();
    const record = placed(dir);
    appendFileSync(dir.file("app", "server.js"), ", and more");
    writeFileSync(dir.file("app", "lib", "data.db"), "data");
    removePlaced(record);
    expect(readdirSync(dir.file("app")).sort()).toEqual(["lib", "server.js"]);
    expect(readdirSync(dir.file("app", "lib"))).toEqual(["data.db"]);
  });

  test("removes every name of a file that has several", () => {
    using dir = tempDir();
    mkdirSync(dir.file("app"));
    writeFileSync(dir.file("app", "one"), "");
    linkSync(dir.file("app", "one"), dir.file("app", "two"));
    rememberPlaced(dir.file("record"), [Buffer.from(dir.file("app"))]);
    removePlaced(dir.file("record"));
    expect(existsSync(dir.file("app"))).toBe(false);
  });

  test("touches nothing behind a link that took a directory's place", () => {
    using dir = tempDir();
    const record = placed(dir);
    mkdirSync(dir.file("canary"));
    writeFileSync(dir.file("canary", "a.js"), "alive");
    rmSync(dir.file("app", "lib"), { recursive: true });
    symlinkSync(dir.file("canary"), dir.file("app", "lib"));
    removePlaced(record);
    expect(readdirSync(dir.file("canary"))).toEqual(["a.js"]);
  });

  test("finds names that are not UTF-8", () => {
    using dir = tempDir();
    const name = Buffer.concat([Buffer.from(`${dir.path}/`), Buffer.from([0xff, 0xfe])]);
    writeFileSync(name, "");
    rememberPlaced(dir.file("record"), [name]);
    removePlaced(dir.file("record"));
    expect(existsSync(name)).toBe(false);
  });

  test("has nothing to do without a record, or with one that is damaged", () => {
    using dir = tempDir();
    removePlaced(dir.file("record"));
    writeFileSync(dir.file("record"), "[[");
    removePlaced(dir.file("record"));
  });
});
