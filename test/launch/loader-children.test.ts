// Programs of an image that start themselves a second time, outside of their root: the kernel finds their loader and
// their libraries without a word from the runner, and no variable of theirs reaches this machine's programs.

import { describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { ORDINARY_USER, otherUserProblem } from "../support/privileges.ts";
import { type ConditionalTest, programProblem, unless } from "../support/requirements.ts";
import { librariesOf } from "../support/libraries.ts";
import { muslFiles, nodeFiles, PYTHON, pythonFiles, venvFiles } from "../support/runtime-files.ts";
import type { TarEntry } from "../support/tar-archive.ts";
import { tempDir } from "../support/temp-dir.ts";
import { plantTree } from "./support/plant-tree.ts";
import { AS_ROOT, run } from "./support/tiny-root.ts";

const ORDINARY = AS_ROOT ? { uid: ORDINARY_USER } : {};
const PROBLEM = AS_ROOT ? otherUserProblem() : undefined;

function testWith(...programs: readonly string[]): ConditionalTest {
  return unless(programProblem(...programs), PROBLEM);
}

async function started(layer: readonly TarEntry[], command: readonly string[]) {
  using dir = tempDir();
  const root = plantTree(dir, layer);
  const outcome = await run(dir, root, { ...ORDINARY, mode: "loader", command, logLevel: "debug" });
  return { ...outcome, root };
}

/** The libraries that `text`, a list of maps, shows to be mapped and to be no image's. */
function strangers(text: string, root: string): readonly string[] {
  const paths = [...text.matchAll(/ r-xp .* (\/\S+)$/gm)].map(([, path]) => path ?? "");
  expect(paths.length).toBeGreaterThan(2);
  return paths.filter((path) => !path.startsWith(`${root}/`));
}

testWith("node", "ldd")("Node's process.execPath starts Node again, and so does fork", async () => {
  const server = `
    const { fork, spawnSync } = require("node:child_process");
    const { readFileSync } = require("node:fs");
    if (process.argv[2] === "child") {
      process.send(readFileSync("/proc/self/maps", "utf8"));
      return;
    }
    const script = "console.log(process.execPath, Object.keys(process.env).filter((n) => n.startsWith('LD_')))";
    process.stdout.write(spawnSync(process.execPath, ["-e", script]).stdout);
    fork(__filename, ["child"]).on("message", (maps) => console.log(maps));`;
  const layer = [...nodeFiles(), { path: "app/server.js", content: server }];
  const { stdout, root } = await started(layer, ["/usr/local/bin/node", "/app/server.js"]);
  expect(stdout).toStartWith(`${root}/usr/local/bin/node []\n`);
  expect(strangers(stdout, root)).toEqual([]);
});

testWith(PYTHON, "ldd")(
  "Python's sys.executable starts Python again, and so does multiprocessing",
  async () => {
    const server = `
import multiprocessing, ssl, subprocess, sys
def child(): print(open("/proc/self/maps").read(), flush=True)
if __name__ == "__main__":
    print(subprocess.run([sys.executable, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True).stdout, end="", flush=True)
    multiprocessing.set_start_method("spawn")
    process = multiprocessing.Process(target=child)
    process.start()
    process.join()
`;
    const layer = [
      ...pythonFiles("usr/local"),
      ...venvFiles("/usr/local/bin"),
      { path: "app/server.py", content: server },
    ];
    const { stdout, stderr, root } = await started(layer, [
      "/app/.venv/bin/python",
      "/app/server.py",
    ]);
    expect(stdout, stderr).toStartWith(`${root}/app/.venv\n`);
    expect(strangers(stdout, root)).toEqual([]);
  },
);

testWith("musl-gcc", "busybox")("a program for musl is started by the kernel", async () => {
  const { stdout, root } = await started(muslFiles(), ["/usr/bin/hello"]);
  expect(stdout).toStartWith("hello from musl\n");
  expect(stdout).toContain(` ${root}/usr/bin/hello\n`);
  expect(strangers(stdout, root)).toEqual([]);
});

describe("a library", () => {
  const RUNPATHS = [
    ["beside it", "$ORIGIN"],
    ["where the program has its own", "/usr/local/lib"],
    ["where nothing is", "$ORIGIN/none"],
  ] as const;
  for (const [where, runpath] of RUNPATHS) {
    testWith("gcc", "ldd")(`finds what it needs, though it looks for that ${where}`, async () => {
      const { stdout, stderr, root } = await started(
        chain(`-Wl,--enable-new-dtags,-rpath,${runpath}`),
        ["/app/program"],
      );
      expect(stdout, stderr).toStartWith("from the inner library\n");
      expect(strangers(stdout, root)).toEqual([]);
    });
  }
});

testWith("gcc", "ldd")(
  "a program that has no room for another loader is started by it, and that is said",
  async () => {
    const { stdout, stderr } = await started(chain("", "-Wl,--spare-dynamic-tags=0"), [
      "/app/program",
    ]);
    expect(stderr).toContain("/app/program cannot start itself a second time in this mode");
    expect(stdout).toStartWith("from the inner library\n");
  },
);

/** A program with a library that it opens at last, and one that only that library needs. */
function chain(libraryFlags: string, ...programFlags: readonly string[]): readonly TarEntry[] {
  using dir = tempDir();
  const build = (name: string, text: string, ...flags: readonly string[]) => {
    writeFileSync(dir.file(`${name}.c`), text);
    const argv = ["gcc", "-o", dir.file(name), dir.file(`${name}.c`), ...flags.filter(Boolean)];
    const { exitCode, stderr } = Bun.spawnSync(argv, { stderr: "pipe" });
    if (exitCode !== 0) throw new Error(stderr.toString());
    return dir.file(name);
  };
  const shared = ["-shared", "-fPIC"];
  const inner = build(
    "libinner.so",
    'const char *inner(void) { return "from the inner library"; }\n',
    ...shared,
    "-Wl,-soname,libinner.so",
  );
  const outer = build(
    "libouter.so",
    "const char *inner(void);\nconst char *outer(void) { return inner(); }\n",
    ...shared,
    inner,
    "-Wl,-soname,libouter.so",
    libraryFlags,
  );
  const program = build("program", PROGRAM, ...programFlags);
  const file = (path: string, source: string) =>
    ({ path, content: new Uint8Array(Bun.mmap(source)), mode: 0o555 }) as const;
  return [
    ...librariesOf(program),
    file("app/program", program),
    file("opt/plugins/libouter.so", outer),
    file("usr/local/lib/libinner.so", inner),
    { path: "etc/ld.so.conf", content: "/opt/plugins\n/usr/local/lib\n" },
  ];
}

const PROGRAM = `
#include <dlfcn.h>
#include <stdio.h>
int main(void) {
  void *library = dlopen("libouter.so", RTLD_NOW);
  const char *(*outer)(void) = library ? (const char *(*)(void))dlsym(library, "outer") : NULL;
  puts(outer ? outer() : dlerror());
  char line[4096];
  FILE *maps = fopen("/proc/self/maps", "r");
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL) fputs(line, stdout);
  return 0;
}
`;
