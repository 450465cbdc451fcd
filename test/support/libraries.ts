// The shared libraries of a program of this machine, for an image that is to hold it.

import { readFileSync } from "node:fs";
import type { TarEntry } from "./tar-archive.ts";

/** The libraries and the loader, at the paths where the program looks for them. Throws where `ldd` cannot tell. */
export function librariesOf(program: string): readonly TarEntry[] {
  const paths = new Set(
    [...listing(program).matchAll(/(?:=>\s+|^\s+)(\/\S+)\s+\(0x/gm)].map(([, path]) => path ?? ""),
  );
  return [...paths].map((path) => ({
    path: path.slice(1),
    content: readFileSync(path),
    mode: 0o755,
  }));
}

function listing(program: string): string {
  if (Bun.which("ldd") === null) {
    throw new Error(`there is no ldd on PATH, which lists the libraries of ${program}`);
  }
  const { exitCode, stdout, stderr } = Bun.spawnSync(["ldd", program], {
    env: { ...process.env, LC_ALL: "C" },
    stderr: "pipe",
  });
  const words = stderr.toString().trim();
  // A static program has none: in the words of glibc, and of musl.
  if (exitCode === 0 || /not a (?:valid )?dynamic/i.test(words)) return stdout.toString();
  throw new Error(`ldd cannot list the libraries of ${program}: ${words || `status ${exitCode}`}`);
}
