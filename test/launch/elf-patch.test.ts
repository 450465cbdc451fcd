// A program that gets another loader, with the linker's own files: whether the kernel starts it is for the tests of loader
// mode to tell as well.

import { expect, test } from "bun:test";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { giveLoader, takesLoader } from "../../src/launch/elf-patch.ts";
import { readElf } from "../../src/launch/elf.ts";
import { librariesOf } from "../support/libraries.ts";
import { needs } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";

needs("sleep", "ldd")(
  "a program that has its loader already is left alone, also while it runs",
  async () => {
    using dir = tempDir();
    const program = dir.file("sleep");
    cpSync(Bun.which("sleep") ?? "", program);
    const loader = librariesOf(program).find(({ path }) => /\/ld-/.test(path));
    const own = { interpreter: dir.file("loader"), libraryPath: "/none" };
    writeFileSync(own.interpreter, loader?.content ?? "", { mode: 0o755 });
    expect(takesLoader(program)).toBe(true);
    giveLoader(program, own);
    expect(readElf(program)).toMatchObject({ interpreter: own.interpreter });
    const before = readFileSync(program);
    const child = Bun.spawn([program, "60"]);
    giveLoader(program, own);
    expect(readFileSync(program).equals(before)).toBe(true);
    child.kill();
    await child.exited;
    expect(child.signalCode).toBe("SIGTERM");
  },
);

needs("busybox")("a static program takes no loader, and no cut of a program is an accident", () => {
  using dir = tempDir();
  const bytes = readFileSync(Bun.which("busybox") ?? "");
  writeFileSync(dir.file("static"), bytes);
  expect(takesLoader(dir.file("static"))).toBe(false);
  for (let size = 1; size < 1000; size += 7) {
    writeFileSync(dir.file("cut"), bytes.subarray(0, size));
    expect(takesLoader(dir.file("cut"))).toBe(false);
  }
});

test("what is no ELF file takes no loader", () => {
  using dir = tempDir();
  writeFileSync(dir.file("text"), "#!/bin/sh\n".repeat(100));
  expect(takesLoader(dir.file("text"))).toBe(false);
});
