// What the kernel tells of another process.

import { existsSync, readFileSync } from "node:fs";

/** A field of /proc/PID/stat, counted from the one behind the name; "Z" for a process that is gone. */
export function fieldOf(pid: number, index: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[index] ?? "";
  } catch {
    return "Z";
  }
}

/** Whether a process ignores a signal. */
export function isIgnoring(pid: number, signal: number): boolean {
  const [, digits = "0"] =
    /^SigIgn:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return ((BigInt(`0x${digits}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

/** Waits until a process has ended. */
export async function isGone(pid: number): Promise<void> {
  // It has been killed, but the kernel may not have come round to it, nor its parent to collect it.
  while (existsSync(`/proc/${pid}`) && fieldOf(pid, 0) !== "Z") await Bun.sleep(5);
}
