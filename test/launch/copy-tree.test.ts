import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { copyTree } from "../../src/launch/copy-tree.ts";
import { needs } from "../support/requirements.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";
import { put } from "./support/tiny-root.ts";
import { snapshotOf } from "./support/tree-snapshot.ts";

async function copied(dir: TempDir, source: string): Promise<string> {
  const target = dir.file("copy");
  await copyTree(Buffer.from(source), Buffer.from(target));
  return target;
}

describe("copyTree", () => {
  test("keeps content, modes, links and times to the nanosecond, and leaves its source alone", async () => {
    using dir = tempDir();
    const source = dir.file("source");
    put(source, "bin/tool", "#!/bin/sh\n", 0o750);
    put(source, "locked/file", "x", 0o444);
    symlinkSync("../nowhere", join(source, "bin/link"));
    chmodSync(join(source, "locked"), 0o555);
    chmodSync(source, 0o751);
    const before = snapshotOf(source);
    const copy = await copied(dir, source);
    expect(snapshotOf(source)).toEqual(before);
    for (const path of ["", "bin", "bin/tool", "bin/link", "locked", "locked/file"]) {
      const [from, to] = [source, copy].map((root) =>
        lstatSync(join(root, path), { bigint: true }),
      );
      const { mode, uid, gid, mtimeNs } = from ?? {};
      expect({ path, ...to }).toMatchObject({ path, mode, uid, gid, mtimeNs });
    }
    expect(readFileSync(join(copy, "bin/tool"), "utf8")).toBe("#!/bin/sh\n");
    expect(readlinkSync(join(copy, "bin/link"))).toBe("../nowhere");
  });

  test("a file with several names stays one, and is another than its source", async () => {
    using dir = tempDir();
    const source = dir.file("source");
    put(source, "a/one", "text");
    mkdirSync(join(source, "b"));
    linkSync(join(source, "a/one"), join(source, "b/two"));
    const copy = await copied(dir, source);
    writeFileSync(join(copy, "a/one"), "changed");
    expect(readFileSync(join(copy, "b/two"), "utf8")).toBe("changed");
    expect(readFileSync(join(source, "b/two"), "utf8")).toBe("text");
  });

  test("names are bytes", async () => {
    using dir = tempDir();
    const source = dir.file("source");
    mkdirSync(source);
    const name = Buffer.from([0x2f, 0xff, 0xfe, 0x0a]);
    writeFileSync(Buffer.concat([Buffer.from(source), name]), "odd");
    const copy = await copied(dir, source);
    expect(readFileSync(Buffer.concat([Buffer.from(copy), name]), "utf8")).toBe("odd");
  });

  test("what exists is not written over", async () => {
    using dir = tempDir();
    put(dir.path, "source/file", "x");
    mkdirSync(dir.file("copy"));
    await expect(copied(dir, dir.file("source"))).rejects.toMatchObject({ code: "EEXIST" });
  });

  needs("mkfifo")("a pipe is refused", async () => {
    using dir = tempDir();
    mkdirSync(dir.file("source"));
    Bun.spawnSync(["mkfifo", dir.file("source/pipe")]);
    await expect(copied(dir, dir.file("source"))).rejects.toMatchObject({
      code: "DISK_UNWRITABLE",
    });
  });
});
