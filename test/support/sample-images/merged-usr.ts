// Debian's layout: /bin, /lib and /lib64 are links, and the program names its loader through one.

import { writeFileSync } from "node:fs";
import { librariesOf } from "../libraries.ts";
import type { TarEntry } from "../tar-archive.ts";
import { tempDir } from "../temp-dir.ts";
import { evidenceProgram } from "./evidence.ts";
import type { SampleImage } from "./sample-image.ts";

export const MERGED_USR: SampleImage = {
  title: "merged `/usr`",
  about: "`/bin`, `/lib` and `/lib64` are links into `/usr`, the server a program for glibc.",
  programs: ["gcc", "ldd"],
  layer() {
    const links = ["bin", "lib", "lib64"].map(
      (name) => ({ path: name, type: "symlink", target: `usr/${name}` }) as const,
    );
    return [...links, ...programWithLibraries().map(belowUsr)];
  },
  config: { Entrypoint: ["/bin/server"] },
  interpreter: "/bin/server",
};

function programWithLibraries(): readonly TarEntry[] {
  const program = evidenceProgram("glibc", "bin/server");
  using dir = tempDir();
  const path = dir.file("server");
  writeFileSync(path, program.content ?? "");
  return [program, ...librariesOf(path)];
}

function belowUsr(entry: TarEntry): TarEntry {
  return { ...entry, path: entry.path.replace(/^(?=bin\/|lib\/|lib64\/)/, "usr/") };
}
