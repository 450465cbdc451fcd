import { describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, symlinkSync } from "node:fs";
import { serverIdentity } from "../../src/launch/ownership.ts";
import { prepareWorkingDirectory } from "../../src/launch/working-directory.ts";
import { needsThat } from "../support/requirements.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";
import { put } from "./support/tiny-root.ts";

function sampleRoot(dir: TempDir): string {
  const root = dir.file("root");
  put(root, "srv/app/file", "x");
  mkdirSync(dir.file("outside"));
  symlinkSync("srv/app", dir.file("root/link"));
  symlinkSync("../../outside", dir.file("root/climber"));
  symlinkSync("/proc/self/fd", dir.file("root/descriptors"));
  symlinkSync("loop", dir.file("root/loop"));
  return root;
}

const OWNER = { identity: serverIdentity(), owns: () => true };

const PREPARED = [
  { asked: "/", path: "/" },
  { asked: "/srv/app", path: "/srv/app" },
  { asked: "/link/", path: "/srv/app" },
  { asked: "/link/new/er", path: "/srv/app/new/er" },
  { asked: "relative", path: "/relative" },
  { asked: "/../../up", path: "/up" },
  { asked: "/climber/x", path: "/outside/x" },
];
const REFUSED = [
  { asked: "/srv/app/file", says: "it is not a directory" },
  { asked: "/srv/app/file/x", says: "/srv/app/file is not a directory" },
  { asked: "/loop", says: "loop of links" },
  { asked: "/proc/self/fd/7", says: "kernel" },
  { asked: "/descriptors/7", says: "kernel" },
  { asked: "/dev", says: "kernel" },
];

describe("prepareWorkingDirectory", () => {
  for (const [index, { asked, path }] of PREPARED.entries()) {
    test(`prepared, case ${index}: ${asked} is ${path}`, () => {
      using dir = tempDir();
      const root = sampleRoot(dir);
      expect(prepareWorkingDirectory(root, asked, OWNER)).toBe(path);
      expect(lstatSync(`${root}${path}`).isDirectory()).toBe(true);
      expect(existsSync(dir.file("outside/x"))).toBe(false);
    });
  }

  for (const [index, { asked, says }] of REFUSED.entries()) {
    test(`refused, case ${index}: ${asked}`, () => {
      using dir = tempDir();
      const root = sampleRoot(dir);
      expect(() => prepareWorkingDirectory(root, asked, OWNER)).toThrow(
        expect.objectContaining({
          code: "WORKDIR_UNUSABLE",
          message: expect.stringContaining(says),
        }),
      );
    });
  }

  test("what is created belongs to the server", () => {
    using dir = tempDir();
    const root = sampleRoot(dir);
    const { uid, gid } = serverIdentity();
    prepareWorkingDirectory(root, "/new/er", OWNER);
    expect(lstatSync(`${root}/new`)).toMatchObject({ uid, gid });
    expect(lstatSync(`${root}/new/er`)).toMatchObject({ uid, gid });
  });

  needsThat(process.geteuid?.() === 0, "needs root, to give something away")(
    "what is created outside the server's places stays root's",
    () => {
      using dir = tempDir();
      const root = sampleRoot(dir);
      const owner = { ...OWNER, owns: (path: string) => path === "/srv/data" };
      prepareWorkingDirectory(root, "/usr/local/sbin", owner);
      prepareWorkingDirectory(root, "/srv/data/deeper", owner);
      expect(lstatSync(`${root}/usr/local/sbin`).uid).toBe(0);
      expect(lstatSync(`${root}/srv`).uid).toBe(0);
      expect(lstatSync(`${root}/srv/data/deeper`).uid).toBe(OWNER.identity.uid);
    },
  );
});
