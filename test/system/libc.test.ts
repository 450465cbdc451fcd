import { describe, expect, test } from "bun:test";
import { chroot, makeCharacterDevice, mount } from "../../src/system/namespace.ts";
import { makeBlocking } from "../../src/system/process-state.ts";
import { tempDir } from "../support/temp-dir.ts";

describe("a system call that fails", () => {
  const CASES = [
    { title: "chroot", call: () => chroot("/nowhere"), says: "chroot to /nowhere failed with " },
    {
      title: "mount",
      call: () => mount({ source: "/nowhere", target: "/nowhere", flags: 0 }),
      says: "mount of /nowhere on /nowhere failed with ",
    },
    {
      title: "mknod",
      call: () => makeCharacterDevice("/nowhere/x", { major: 1, minor: 3, mode: 0o666 }),
      says: "mknod of /nowhere/x failed with ",
    },
  ];
  for (const { title, call, says } of CASES) {
    test(`${title} names itself and the errno`, () => {
      expect(call).toThrow(
        expect.objectContaining({
          code: "SYSTEM_CALL_FAILED",
          message: expect.stringMatching(new RegExp(`^${says}(ENOENT|EPERM|ENODEV)$`)),
        }),
      );
    });
  }
});

describe("makeBlocking", () => {
  test("a closed descriptor is left closed", () => {
    expect(() => makeBlocking(12_345)).not.toThrow();
  });
});

describe("the C library", () => {
  test("a library of its name in the working directory is not loaded", async () => {
    using dir = tempDir();
    await Bun.write(dir.file("libc.so.6"), "not a library");
    const namespace = require.resolve("../../src/system/namespace.ts");
    const script = `
      import { chroot } from ${JSON.stringify(namespace)};
      try { chroot("/nowhere") } catch (error) { require("node:fs").writeSync(1, error.message) }`;
    const child = Bun.spawn([process.execPath, "-e", script], { cwd: dir.path, env: {} });
    expect(await new Response(child.stdout).text()).toStartWith("chroot to /nowhere failed with ");
  });
});
