import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RunnerError } from "../../src/errors.ts";
import { openDestination } from "../../src/system/destination.ts";
import { mountProblem } from "../support/privileges.ts";
import { unless } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";

function fill(path: string): void {
  const destination = openDestination(path);
  using staging = destination.staging;
  const tree = join(staging.path, "tree");
  mkdirSync(join(tree, "etc"), { recursive: true });
  writeFileSync(join(tree, "etc", "name"), "content");
  destination.commit(tree);
}

function refusalOf(path: string): string {
  try {
    openDestination(path);
  } catch (error) {
    if (error instanceof RunnerError && error.code === "DESTINATION_UNUSABLE") return error.message;
    throw error;
  }
  return "";
}

describe("openDestination", () => {
  test.each(["absent", "empty"])(
    "a directory that is %s is filled, and nothing else is left",
    (state) => {
      using dir = tempDir();
      if (state === "empty") mkdirSync(dir.file("to"));
      fill(dir.file("to"));
      expect(readFileSync(dir.file("to", "etc", "name"), "utf8")).toBe("content");
      expect(readdirSync(dir.path)).toEqual(["to"]);
    },
  );

  unless(mountProblem())("a mount point is filled too", () => {
    using dir = tempDir();
    mkdirSync(dir.file("to"));
    Bun.spawnSync(["mount", "-t", "tmpfs", "tmpfs", dir.file("to")]);
    try {
      fill(dir.file("to"));
      expect(readdirSync(dir.file("to"))).toEqual(["etc"]);
    } finally {
      Bun.spawnSync(["umount", dir.file("to")]);
    }
  });

  test("a directory that somebody has filled in the meantime stays as it is", () => {
    using dir = tempDir();
    const destination = openDestination(dir.file("to"));
    using staging = destination.staging;
    mkdirSync(join(staging.path, "tree"));
    mkdirSync(dir.file("to", "other"), { recursive: true });
    expect(() => destination.commit(join(staging.path, "tree"))).toThrow(
      expect.objectContaining({
        code: "DESTINATION_UNUSABLE",
        message: expect.stringContaining("has changed while the image was pulled"),
      }),
    );
    expect(readdirSync(dir.file("to"))).toEqual(["other"]);
  });

  test("what is given up leaves nothing", () => {
    using dir = tempDir();
    openDestination(dir.file("to")).staging[Symbol.dispose]();
    expect(readdirSync(dir.path)).toEqual([]);
  });

  test("refusals say what is in the way", () => {
    using dir = tempDir();
    writeFileSync(dir.file("file"), "");
    symlinkSync(dir.path, dir.file("link"));
    expect([
      refusalOf(dir.path),
      refusalOf(dir.file("file")),
      refusalOf(dir.file("link")),
      refusalOf(dir.file("no", "parent")),
    ]).toEqual([
      `${dir.path} is not empty: it holds ${dir.file("file")}`,
      `${dir.file("file")} exists and is not a directory`,
      `${dir.file("link")} exists and is not a directory`,
      `${dir.file("no")} does not exist, so ${dir.file("no", "parent")} cannot be created in it`,
    ]);
  });
});
