import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { examineCommand, requireRunnable } from "../../src/launch/executable.ts";
import { privateRootView } from "../../src/launch/root-view.ts";
import { needs } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";
import { put, tinyRoot } from "./support/tiny-root.ts";

const CONTEXT = {
  searchPath: "/usr/bin:/bin:relative",
  workingDirectory: "/app",
  identity: { uid: 1000, gid: 1000 },
};
const EXECUTABLE = 0o755;
const FOREIGN =
  process.arch === "arm64" ? { number: 62, name: "amd64" } : { number: 183, name: "arm64" };
const OWN = process.arch === "arm64" ? 183 : 62;
const OWN_NAME = process.arch === "arm64" ? "arm64" : "amd64";

/** A 64-bit ELF file of one program header: the interpreter, or none. */
function elf(machine: number, interpreter?: string, type = 2): Buffer {
  const text = Buffer.from(interpreter === undefined ? "" : `${interpreter}\0`);
  const bytes = Buffer.alloc(120 + text.length);
  bytes.write("\u007fELF", "latin1");
  bytes.set([2, 1, 1], 4);
  bytes.writeUInt16LE(type, 16);
  bytes.writeUInt16LE(machine, 18);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(1, 56);
  bytes.writeUInt32LE(interpreter === undefined ? 1 : 3, 64);
  bytes.writeBigUInt64LE(120n, 72);
  bytes.writeBigUInt64LE(BigInt(text.length), 96);
  text.copy(bytes, 120);
  return bytes;
}

function bigEndian(): Buffer {
  const bytes = elf(21);
  bytes[5] = 2;
  return bytes;
}

function sampleRoot(root: string): void {
  put(root, "usr/bin/static", elf(OWN), EXECUTABLE);
  put(root, "lib/ld.so", elf(OWN, undefined, 3), EXECUTABLE);
  put(root, "usr/bin/dynamic", elf(OWN, "/lib/ld.so"), EXECUTABLE);
  put(root, "usr/bin/env", elf(OWN), EXECUTABLE);
  put(root, "app/relative/tool", elf(OWN), EXECUTABLE);
  put(root, "app/script", "#! /usr/bin/static -x\n", EXECUTABLE);
  put(root, "app/env", "#!/usr/bin/env static\n", EXECUTABLE);
  put(root, "app/env-split", "#!/usr/bin/env -S A=1 static --flag\n", EXECUTABLE);
  put(root, "app/chain1", "#!/app/chain2\n", EXECUTABLE);
  put(root, "app/chain2", "#!/app/script\n", EXECUTABLE);
  put(root, "bin/shadowed", elf(OWN), EXECUTABLE);
  put(root, "usr/bin/shadowed", "not executable");
  symlinkSync("../usr/bin/static", join(root, "app/link"));

  put(root, "app/plain", "not executable");
  put(root, "app/empty", "", EXECUTABLE);
  put(root, "app/text", "echo hello\n", EXECUTABLE);
  put(root, "app/foreign", elf(FOREIGN.number), EXECUTABLE);
  put(root, "app/big", bigEndian(), EXECUTABLE);
  put(root, "app/object", elf(OWN, undefined, 1), EXECUTABLE);
  put(root, "app/damaged", elf(OWN).subarray(0, 40), EXECUTABLE);
  put(root, "app/cut", elf(OWN, "/lib/ld.so").subarray(0, 124), EXECUTABLE);
  put(root, "app/no-loader", elf(OWN, "/lib/ld-musl-x86_64.so.1"), EXECUTABLE);
  put(root, "app/no-shell", "#!/bin/bash\n", EXECUTABLE);
  put(root, "app/windows", "#!/usr/bin/static\r\n", EXECUTABLE);
  put(root, "app/windows-env", "#!/usr/bin/env static\r\n", EXECUTABLE);
  put(root, "app/glibc", elf(OWN, "/lib64/ld-linux-x86-64.so.2"), EXECUTABLE);
  put(root, "app/nameless", "#!\n", EXECUTABLE);
  put(root, "app/no-python", "#!/usr/bin/env python3\n", EXECUTABLE);
  put(root, "app/forever", "#!/app/forever\n", EXECUTABLE);
  put(root, "app/foreign-shell", "#!/app/foreign\n", EXECUTABLE);
  symlinkSync("/usr/local/bin/python3", join(root, "app/venv-python"));
  symlinkSync("self", join(root, "app/self"));
  mkdirSync(join(root, "app/directory"));
}

const RUNNABLE = [
  { command: "static", program: "/usr/bin/static" },
  { command: "dynamic", program: "/usr/bin/dynamic" },
  { command: "shadowed", program: "/bin/shadowed" },
  { command: "tool", program: "/app/relative/tool" },
  { command: "./script", program: "/app/script" },
  { command: "/app/link", program: "/app/link" },
  { command: "/app/env", program: "/app/env" },
  { command: "/app/env-split", program: "/app/env-split" },
  { command: "/app/chain1", program: "/app/chain1" },
];

const REFUSED = [
  { command: "node", status: 127, says: "node is in no directory of PATH" },
  { command: "/app/none", status: 127, says: "/app/none does not exist" },
  {
    command: "/app/plain/x",
    status: 127,
    says: "/app/plain/x does not exist (it leads to /app/plain)",
  },
  { command: "/app/venv-python", status: 127, says: "it leads to /usr/local/bin/python3" },
  { command: "/app/plain", status: 126, says: "/app/plain is not executable" },
  { command: "/app/directory", status: 126, says: "is a directory" },
  { command: "/app/self", status: 126, says: "is a loop of links" },
  { command: "/app/empty", status: 126, says: "/app/empty is an empty file" },
  {
    command: "./none",
    status: 127,
    says: "/app/none, which is ./none from the working directory, does not exist",
  },
  {
    command: "node server.js",
    status: 127,
    says: "node server.js is in no directory of PATH (/usr/bin:/bin:relative); its spaces are part of one name",
  },
  {
    command: "/app/text",
    status: 126,
    says: "is neither an ELF program nor a script that starts with #!",
  },
  {
    command: "/app/foreign",
    status: 126,
    says: `/app/foreign is built for ${FOREIGN.name}, and this machine is ${OWN_NAME}`,
  },
  { command: "/app/big", status: 126, says: "big-endian" },
  { command: "/app/object", status: 126, says: "is an ELF file but no program" },
  { command: "/app/damaged", status: 126, says: "is a damaged ELF file" },
  { command: "/app/cut", status: 126, says: "is a damaged ELF file" },
  {
    command: "/app/no-loader",
    status: 126,
    says: "needs the loader /lib/ld-musl-x86_64.so.1, being built for musl (Alpine's C library), and there is no such file",
  },
  {
    command: "/app/no-shell",
    status: 126,
    says: "is a script for /bin/bash, but /bin/bash does not exist",
  },
  {
    command: "/app/windows",
    status: 126,
    says: '/app/windows has Windows line endings, so it would be a script for "/usr/bin/static\\r"',
  },
  {
    command: "/app/windows-env",
    status: 126,
    says: 'has Windows line endings, so it would be a script for "static\\r"',
  },
  {
    command: "/app/glibc",
    status: 126,
    says: "being built for glibc (the C library of Debian and most others), and there is no such file",
  },
  { command: "/app/nameless", status: 126, says: "names no interpreter" },
  {
    command: "/app/no-python",
    status: 126,
    says: "is a script for python3, but python3 is in no directory",
  },
  { command: "/app/forever", status: 126, says: "too long a chain" },
  { command: "/app/foreign-shell", status: 126, says: `/app/foreign is built for ${FOREIGN.name}` },
];

describe("examineCommand", () => {
  for (const [index, { command, program }] of RUNNABLE.entries()) {
    test(`runnable, case ${index}: ${command}`, () => {
      using dir = tempDir();
      sampleRoot(dir.path);
      const examination = examineCommand(privateRootView(dir.path), command, CONTEXT);
      expect(examination).toMatchObject({ runnable: true, program });
    });
  }

  for (const [index, { command, status, says }] of REFUSED.entries()) {
    test(`refused, case ${index}: ${command} ${says}`, () => {
      using dir = tempDir();
      sampleRoot(dir.path);
      const examination = examineCommand(privateRootView(dir.path), command, CONTEXT);
      expect(examination).toMatchObject({ problem: expect.stringContaining(says) });
      expect(() => requireRunnable(examination)).toThrow(expect.objectContaining({ status }));
    });
  }

  test("what a root lacks is put down to that root, and nothing else is", () => {
    using dir = tempDir();
    sampleRoot(dir.path);
    const about = { lack: "this root is a part", hint: "Take all of it." };
    const refusalOf = (command: string) => {
      try {
        requireRunnable(examineCommand(privateRootView(dir.path), command, CONTEXT), about);
      } catch (error) {
        return error instanceof Error ? error.message : "";
      }
      return "";
    };
    const lacking = ["node", "/app/none", "/app/no-loader", "/app/no-shell", "/app/no-python"];
    for (const command of lacking) expect(refusalOf(command)).toStartWith("this root is a part: ");
    for (const command of ["/app/plain", "/app/windows", "/app/foreign", "/app/foreign-shell"])
      expect(refusalOf(command)).toStartWith("/app/");
  });

  test("control characters of an image's command do not reach the message", () => {
    using dir = tempDir();
    const examination = examineCommand(privateRootView(dir.path), "/\u001b[2Jx", CONTEXT);
    expect(examination).toMatchObject({ problem: "/\\x1b[2Jx does not exist" });
  });

  needs("busybox")("a real static program is runnable, and every cut of it is an answer", () => {
    using dir = tempDir();
    const root = tinyRoot(dir);
    const context = { ...CONTEXT, workingDirectory: "/" };
    expect(examineCommand(privateRootView(root), "sh", context)).toMatchObject({
      program: "/bin/sh",
    });
    const bytes = readFileSync(join(root, "bin/busybox"));
    for (let size = 1; size < 700; size += 7) {
      put(root, "bin/cut", bytes.subarray(0, size), EXECUTABLE);
      examineCommand(privateRootView(root), "cut", context);
    }
  });
});
