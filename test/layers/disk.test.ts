// Disks that are full or closed: a clear error, and nothing left.

import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { mountProblem } from "../support/privileges.ts";
import { unless } from "../support/requirements.ts";
import { rawTar } from "../support/raw-tar.ts";
import { tempDir } from "../support/temp-dir.ts";
import { dir, file, runUnprivileged, unpack, unprivilegedProblem } from "./support.ts";

const small = mountTest("size=256k");

describe("a disk", () => {
  small("that fills up with a file's content is DISK_FULL, and empty again", async (disk) => {
    const error = await refusal(disk, [file("f", crypto.getRandomValues(new Uint8Array(300_000)))]);
    expect(error).toMatchObject({ code: "DISK_FULL", stage: "extract" });
    expect(String(error)).toContain(disk);
    expect(readdirSync(disk)).toEqual([]);
  });

  mountTest("size=4m,nr_inodes=20")(
    "without room for more files is DISK_FULL, and empty again",
    async (disk) => {
      const error = await refusal(
        disk,
        Array.from({ length: 30 }, (_, index) => file(`f${index}`, "")),
      );
      expect(error).toMatchObject({ code: "DISK_FULL", stage: "extract" });
      expect(readdirSync(disk)).toEqual([]);
    },
  );

  mountTest("size=4m,nr_inodes=20")(
    "that fills up with directories is DISK_FULL, and empty again",
    async (disk) => {
      const error = await refusal(
        disk,
        Array.from({ length: 30 }, (_, index) => dir(`d${index}`)),
      );
      expect(error).toMatchObject({ code: "DISK_FULL", stage: "extract" });
      expect(readdirSync(disk)).toEqual([]);
    },
  );

  mountTest("ro,size=256k")("that is read-only is DISK_UNWRITABLE", async (disk) => {
    const error = await refusal(disk, [file("f")]);
    expect(error).toMatchObject({ code: "DISK_UNWRITABLE", stage: "extract" });
    expect(String(error)).toContain(disk);
  });

  unless(unprivilegedProblem)(
    "with a directory that is closed to us is DISK_UNWRITABLE",
    async () => {
      using temp = tempDir();
      chmodSync(temp.path, 0o755);
      mkdirSync(temp.file("closed"), 0o555);
      writeFileSync(temp.file("layer.tar"), rawTar([file("f")]));
      const arguments_ = [temp.file("layer.tar"), temp.file("closed")] as const;
      expect(await runUnprivileged("unpack-child.ts", ...arguments_)).toBe("DISK_UNWRITABLE");
    },
  );

  test("with a path that is longer than the system takes is refused", async () => {
    using temp = tempDir();
    const long = Array.from({ length: 15 }, () => "d".repeat(250)).join("/");
    const parent = temp.file(long);
    const error = await refusal(parent, [
      file("f", "f", { longName: `${"e".repeat(200)}/${"f".repeat(200)}` }),
    ]);
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", stage: "extract" });
    expect(readdirSync(parent)).toEqual([]);
  });
});

async function refusal(
  parent: string,
  layer: Parameters<typeof unpack>[1][number],
): Promise<unknown> {
  return unpack(parent, [layer]).then(
    () => "unpacked",
    (error: unknown) => error,
  );
}

/** A test with a filesystem of its own, mounted on a directory. */
function mountTest(options: string) {
  const runs = unless(mountProblem());
  return (title: string, run: (disk: string) => Promise<void>) =>
    runs(title, async () => {
      using temp = tempDir();
      using _mounted = mountTmpfs(temp.path, options);
      await run(temp.path);
    });
}

function mountTmpfs(path: string, options: string): Disposable {
  const { success, stderr } = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", options, "none", path]);
  if (!success) throw new Error(stderr.toString());
  return { [Symbol.dispose]: () => void Bun.spawnSync(["umount", path]) };
}
