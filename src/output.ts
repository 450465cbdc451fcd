// Answers on stdout, for the commands that have any. `run` has none: there, stdout belongs to the server.

import { writeSync } from "node:fs";

const STDOUT = 1;

/** Writes a line, whole, to a terminal, a file or a pipe. */
export function print(line: string): void {
  const bytes = Buffer.from(`${line}\n`);
  let written = 0;
  while (written < bytes.byteLength) {
    try {
      written += writeSync(STDOUT, bytes, written);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      // Whoever gave us the pipe may have made it non-blocking; a reader that left wants nothing more.
      if (code === "EPIPE") return;
      if (code !== "EAGAIN") throw error;
    }
  }
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2));
}
