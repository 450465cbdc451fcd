// The files of real runtimes of this machine, laid out as images have them: Node, CPython with its standard library and
// a virtual environment, busybox and a program for musl. For trees on disk and for layers alike.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { librariesOf } from "./libraries.ts";
import type { TarEntry } from "./tar-archive.ts";
import { tempDir } from "./temp-dir.ts";

/** Debian's Python: a pyenv's or another's would not have its library in /usr/lib. */
export const PYTHON = "/usr/bin/python3";

/** What a server of a test must not need, and what makes Python's library large. */
const LEFT_OUT =
  /^(?:test|tests|idlelib|lib2to3|ensurepip|pydoc_data|config-.*|__pycache__|dist-packages)$/;

/** `/usr/local/bin/node` and its libraries. */
export function nodeFiles(): readonly TarEntry[] {
  const program = answerOf(["node", "--print", "process.execPath"]);
  return [{ path: "usr/local/bin/node", source: program, mode: 0o755 }, ...librariesOf(program)];
}

/** CPython below a prefix such as `usr/local`, with `bin/python3` as a link to it, and its libraries. */
export function pythonFiles(prefix: string): readonly TarEntry[] {
  const version = answerOf([PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
  const program = `/usr/bin/python${version}`;
  const library = `/usr/lib/python${version}`;
  const files = filesBelow(library, `${prefix}/lib/python${version}`);
  const extensions = files.filter(({ path }) => /lib-dynload\/_(?:ssl|ctypes|bz2)\./.test(path));
  return [
    { path: `${prefix}/bin/python${version}`, source: program, mode: 0o755 },
    { path: `${prefix}/bin/python3`, type: "symlink", target: `python${version}` },
    ...files,
    ...unique([program, ...extensions.map(({ source = "" }) => source)].flatMap(librariesOf)),
  ];
}

/** A virtual environment in `/app/.venv` that was made from the Python in `directory`, as `python -m venv` makes one. */
export function venvFiles(directory: string): readonly TarEntry[] {
  const version = answerOf([PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
  const packages = `app/.venv/lib/python${version}/site-packages`;
  return [
    { path: "app/.venv/bin/python", type: "symlink", target: `${directory}/python3` },
    { path: "app/.venv/bin/python3", type: "symlink", target: "python" },
    {
      path: "app/.venv/pyvenv.cfg",
      content: `home = ${directory}\ninclude-system-site-packages = false\nversion = ${version}\n`,
    },
    { path: `${packages}/installed.py`, content: "WHERE = __file__\n" },
    // As a project is installed to be edited.
    { path: `${packages}/_editable.pth`, content: "/app/src\n" },
    { path: "app/src/edited.py", content: "WHERE = __file__\n" },
  ];
}

/** A program for musl at `/usr/bin/hello` that prints a library's greeting and its arguments, and busybox. */
export function muslFiles(): readonly TarEntry[] {
  using dir = tempDir();
  const library = dir.file("libgreeting.so");
  const program = dir.file("hello");
  const source = (name: string, text: string) => {
    const path = dir.file(name);
    writeFileSync(path, text);
    return path;
  };
  const greeting = source(
    "greeting.c",
    'const char *greeting(void) { return "hello from musl"; }\n',
  );
  const hello = source(
    "hello.c",
    `#include <stdio.h>
const char *greeting(void);
int main(int argc, char **argv) {
  puts(greeting());
  for (int i = 1; i < argc; i++) puts(argv[i]);
  char line[256];
  FILE *maps = fopen("/proc/self/maps", "r");
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL) fputs(line, stdout);
  return 0;
}
`,
  );
  must(["musl-gcc", "-shared", "-fPIC", "-Wl,-soname,libgreeting.so", "-o", library, greeting]);
  must(["musl-gcc", "-o", program, hello, library]);
  return [
    muslLoader(),
    { path: "usr/local/lib/libgreeting.so", content: readFileSync(library), mode: 0o755 },
    { path: "usr/bin/hello", content: readFileSync(program), mode: 0o755 },
    ...busyboxFiles(),
  ];
}

/** The loader of musl, which is its libc as well. */
export function muslLoader(): TarEntry {
  const path = `/lib/ld-musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`;
  return { path: path.slice(1), content: readFileSync(path), mode: 0o755 };
}

/** The static busybox with a few of its names. */
export function busyboxFiles(): readonly TarEntry[] {
  const names = ["sh", "cat", "echo", "env", "ls"];
  return [
    { path: "bin/busybox", content: readFileSync(Bun.which("busybox") ?? ""), mode: 0o755 },
    ...names.map((name) => ({ path: `bin/${name}`, type: "symlink", target: "busybox" }) as const),
  ];
}

function filesBelow(directory: string, destination: string): TarEntry[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const source = join(directory, entry.name);
    const path = `${destination}/${entry.name}`;
    if (LEFT_OUT.test(entry.name)) return [];
    if (entry.isDirectory()) return filesBelow(source, path);
    return entry.isFile() ? [{ path, source }] : [];
  });
}

function unique(entries: readonly TarEntry[]): readonly TarEntry[] {
  return [...new Map(entries.map((entry) => [entry.path, entry])).values()];
}

function answerOf(argv: readonly string[]): string {
  return must(argv).trim();
}

function must(argv: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv], { stderr: "pipe" });
  if (exitCode === 0) return stdout.toString();
  throw new Error(`${basename(argv[0] ?? "")}: ${stderr.toString().trim()}`);
}
