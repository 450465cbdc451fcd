// Answers on stdout, for the commands that have any. `run` has none: there, stdout belongs to the server.

import { writeSync } from "node:fs";
import { RunnerError, reasonOf } from "./errors.ts";

const STDOUT = 1;

/** Writes a line, whole, to a terminal, a file or a pipe. Throws SYSTEM_CALL_FAILED. */
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
      if (code !== "EAGAIN") throw unwritable(error);
    }
  }
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2));
}

function unwritable(cause: unknown): RunnerError {
  return new RunnerError("SYSTEM_CALL_FAILED", `stdout cannot be written: ${reasonOf(cause)}`, {
    cause,
    stage: "runner",
    hint: "Look at where stdout leads, such as a disk that is full.",
  });
}
