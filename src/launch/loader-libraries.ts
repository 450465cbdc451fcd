// The directories where an image's own ELF loader finds the libraries of a program, and whether all of them are there.
// Knows the search rules of glibc and musl, and starts nothing.

import { existsSync } from "node:fs";
import { posix } from "node:path";
import { readDynamicSection, type DynamicSection } from "./elf-dynamic.ts";
import { linkerConfiguration } from "./linker-configuration.ts";
import type { LoaderKind } from "./loader-kind.ts";
import { findIn, textIn, type Entry, type RootView } from "./root-view.ts";

export interface LibrarySearch {
  readonly view: RootView;
  readonly kind: LoaderKind;
  /** The loader's name in the program. */
  readonly interpreter: string;
  /** The image's LD_LIBRARY_PATH. */
  readonly searchPath: string;
}

const TRIPLETS: Readonly<Record<string, string>> = {
  x64: "x86_64-linux-gnu",
  arm64: "aarch64-linux-gnu",
};
const TRIPLET = TRIPLETS[process.arch] ?? "";
const GLIBC_DIRECTORIES = [
  `/lib/${TRIPLET}`,
  `/usr/lib/${TRIPLET}`,
  "/lib64",
  "/usr/lib64",
  "/lib",
  "/usr/lib",
];
const MUSL_DIRECTORIES = ["/lib", "/usr/local/lib", "/usr/lib"];
const MAX_CONFIGURATION_BYTES = 65_536;

// musl is all of these libraries itself. https://git.musl-libc.org/cgit/musl/tree/ldso/dynlink.c?h=v1.2.5
const MUSL_ITSELF = /^lib(?:c|pthread|rt|m|dl|util|xnet)\./;

export interface Libraries {
  /** Inside the image and without links, for the loader's library path. */
  readonly directories: readonly string[];
  /** The program and everything that it starts with. */
  readonly loaded: readonly string[];
}

/** Follows what a program needs. A problem is the end of a sentence that begins with the program's name. */
export function findLibraries(
  program: Entry,
  search: LibrarySearch,
): Libraries | { readonly problem: string } {
  const known = configured(search);
  const directories = new Set<string>();
  const loaded = new Set<string>();
  const pending = [program];
  for (let object = pending.pop(); object !== undefined; object = pending.pop()) {
    if (loaded.has(object.path)) continue;
    loaded.add(object.path);
    const section = readDynamicSection(object.hostPath);
    if (section === undefined) continue;
    const own = expanded(object, [...section.rpath, ...section.runpath], search.view);
    for (const directory of own) directories.add(directory);
    for (const name of section.needed) {
      if (isLoader(name, search)) continue;
      const problem = strayPath(name, section);
      if (problem !== undefined) return { problem };
      const library = libraryIn(search.view, [...own, ...directories, ...known], name);
      if (library === undefined) {
        return {
          problem: `needs ${name} (for ${object.path}), which the image does not have where its loader would look`,
        };
      }
      pending.push(library);
    }
  }
  return { directories: [...new Set([...directories, ...known])], loaded: [...loaded] };
}

/** Whether a directory can be named in a library path: ":" and ";" would end it there, "$" begins a name of the loader's. */
export function fitsLibraryPath(path: string): boolean {
  return !/[:;$]/.test(path);
}

function configured({ view, kind, interpreter, searchPath }: LibrarySearch): readonly string[] {
  const defaults =
    kind === "glibc"
      ? [...linkerConfiguration(view, "/etc/ld.so.conf"), ...GLIBC_DIRECTORIES]
      : muslDirectories(view, interpreter);
  return existing(view, [...searchPath.split(/[:;]/), ...defaults]);
}

// What musl reads in the place of ld.so.conf, and what it assumes where there is none.
function muslDirectories(view: RootView, interpreter: string): readonly string[] {
  const name = posix.basename(interpreter).replace(/\.so\.1$/, ".path");
  const text = textIn(view, `/etc/${name}`, MAX_CONFIGURATION_BYTES);
  return text.trim() === "" ? MUSL_DIRECTORIES : text.trim().split(/[:\n]/);
}

// Links are followed here, once, because a link of the image leads elsewhere on this machine.
function existing(view: RootView, unsafePaths: readonly string[]): readonly string[] {
  const found = unsafePaths
    .filter((path) => path.startsWith("/"))
    .map((path) => findIn(view, path))
    .filter((entry) => entry !== undefined)
    .filter(({ path, stats }) => stats.isDirectory() && fitsLibraryPath(path));
  return [...new Set(found.map(({ path }) => path))];
}

function expanded(object: Entry, paths: readonly string[], view: RootView): readonly string[] {
  const origin = posix.dirname(object.path);
  const names = paths.map((path) => path.replace(/\$(?:ORIGIN\b|\{ORIGIN\})/g, () => origin));
  // It depends on the distribution.
  const libraries = ["lib64", `lib/${TRIPLET}`, "lib"];
  const all = names.flatMap((path) =>
    libraries.map((library) => path.replace(/\$(?:LIB\b|\{LIB\})/g, library)),
  );
  return existing(view, all);
}

function isLoader(name: string, { kind, interpreter }: LibrarySearch): boolean {
  return name === posix.basename(interpreter) || (kind === "musl" && MUSL_ITSELF.test(name));
}

// A loader takes these names as they are, on this machine, before it looks into any directory that it is told.
function strayPath(name: string, { rpath }: DynamicSection): string | undefined {
  if (name.includes("/")) return `asks for ${name} by its path, which is this machine's`;
  const stray = rpath.find((path) => path.startsWith("/") && existsSync(posix.join(path, name)));
  return (
    stray && `would take this machine's ${posix.join(stray, name)}, because its DT_RPATH says so`
  );
}

function libraryIn(
  view: RootView,
  directories: readonly string[],
  name: string,
): Entry | undefined {
  for (const directory of directories) {
    const entry = findIn(view, posix.join(directory, name));
    if (entry?.stats.isFile() === true) return entry;
  }
  return undefined;
}
