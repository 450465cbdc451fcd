// Disks that are full or closed: a clear error, and nothing left.

import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from "node:fs";
import { mountProblem } from "../support/privileges.ts";
import { unless } from "../support/requirements.ts";
import { rawTar } from "../support/raw-tar.ts";
import { tempDir } from "../support/temp-dir.ts";
import {
  IS_ROOT,
  dir,
  file,
  hardlink,
  runUnprivileged,
  unpack,
  unprivilegedProblem,
} from "./support.ts";

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

  unless(unprivilegedProblem)(
    "that will have no more names of a file gets copies, though the file is closed to us",
    async () => {
      using temp = tempDir();
      mkdirSync(temp.file("work"), 0o700);
      chmodSync(temp.path, 0o711);
      if (IS_ROOT) chownSync(temp.file("work"), 1000, 1000);
      // ext4 has room for 65,000; a filesystem that has room for these as well makes no copy.
      const names = Array.from({ length: 65_010 }, (_, index) => hardlink(`l${index}`, "f"));
      const archive = rawTar([file("f", "content", { mode: 0o200 }), ...names]);
      writeFileSync(temp.file("layer.tar"), archive);
      const paths = [temp.file("layer.tar"), temp.file("work")] as const;
      const report: unknown = JSON.parse(await runUnprivileged("unpack-child.ts", ...paths));
      expect(report).toMatchObject({ entries: 65_011, bytes: 7 });
      for (const name of ["f", "l65009"]) {
        const path = temp.file("work/root", name);
        expect(lstatSync(path).mode & 0o7777).toBe(0o200);
        if (IS_ROOT) expect(readFileSync(path, "utf8")).toBe("content");
      }
    },
    30_000,
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
