// The small program that the runner puts before a tracer or a monitor (proot-start.c): it tells a helper what a child of
// Bun's cannot inherit.

import { chmodSync, writeFileSync } from "node:fs";
import { ignoredSignals } from "../system/supervise.ts";
import { PROOT_START_CODE } from "./proot-start-code.ts";

/** Whether there is such a program for this machine. */
export function hasStart(): boolean {
  return PROOT_START_CODE[process.arch] !== undefined;
}

/** Writes the program. Throws what the file system throws. */
export function writeStart(path: string): void {
  writeFileSync(path, Buffer.from(PROOT_START_CODE[process.arch] ?? "", "base64"), { flag: "wx" });
  chmodSync(path, 0o555);
}

/** What stands before a helper's own command line; `start` is where the program was written to. */
export function helperArguments(start: string): readonly string[] {
  const signals = ignoredSignals().reduce((sum, signal) => sum + 2 ** (signal - 1), 0);
  return [start, "helper", String(signals)];
}
