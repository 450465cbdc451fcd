// What a sample image's server tells about itself in one line of JSON, and programs that tell it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TarEntry } from "../tar-archive.ts";
import { tempDir } from "../temp-dir.ts";

export interface Evidence {
  /** What runs the server, by the name that it was started by. */
  readonly interpreter: string;
  readonly uid: number;
  readonly home: string;
  readonly homeWritable: boolean;
  readonly tmpWritable: boolean;
  /** Null where the server has no way to tell: Node asks /proc. */
  readonly noNewPrivileges: boolean | null;
  /** A file of this machine, whose name it was given as MACHINE_FILE, is in its sight. */
  readonly seesMachine: boolean;
}

const SOURCE = join(import.meta.dir, "evidence.c");

const COMPILERS = {
  static: ["musl-gcc", "-static"],
  musl: ["musl-gcc"],
  glibc: ["gcc"],
} as const;

/** Compiles the program that needs nothing but its libc, as a file of an image. */
export function evidenceProgram(libc: keyof typeof COMPILERS, path: string): TarEntry {
  using dir = tempDir();
  const program = dir.file("evidence");
  const argv = [...COMPILERS[libc], "-O2", "-Wall", "-Werror", "-o", program, SOURCE];
  const { exitCode, stderr } = Bun.spawnSync(argv, { stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${argv[0]}: ${stderr.toString()}`);
  return { path, content: readFileSync(program), mode: 0o755 };
}

/** The same in JavaScript, for Node. */
export const EVIDENCE_IN_NODE = `
const { existsSync, readFileSync, writeFileSync } = require("node:fs");
const { homedir, tmpdir } = require("node:os");
const isWritable = (directory) => {
  try {
    writeFileSync(directory + "/written", "");
    return true;
  } catch {
    return false;
  }
};
const noNewPrivileges = () => {
  try {
    return /^NoNewPrivs:\\t1$/m.test(readFileSync("/proc/self/status", "utf8"));
  } catch {
    return null;
  }
};
console.log(JSON.stringify({
  interpreter: process.execPath,
  uid: process.getuid(),
  home: homedir(),
  homeWritable: isWritable(homedir()),
  tmpWritable: isWritable(tmpdir()),
  noNewPrivileges: noNewPrivileges(),
  seesMachine: existsSync(process.env.MACHINE_FILE ?? "/"),
}));
`;

/** The same in Python. */
export const EVIDENCE_IN_PYTHON = `
import ctypes, json, os, ssl, sys, tempfile

def is_writable(directory):
    try:
        open(os.path.join(directory, "written"), "w").close()
        return True
    except OSError:
        return False

PR_GET_NO_NEW_PRIVS = 39
print(json.dumps({
    "interpreter": sys.executable,
    "uid": os.getuid(),
    "home": os.path.expanduser("~"),
    "homeWritable": is_writable(os.path.expanduser("~")),
    "tmpWritable": is_writable(tempfile.gettempdir()),
    "noNewPrivileges": ctypes.CDLL(None).prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
    "seesMachine": os.path.exists(os.environ.get("MACHINE_FILE", "/")),
}))
`;
