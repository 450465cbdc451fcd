// What the kernel tells in one line of any process.

import { readFileSync } from "node:fs";

/**
 * The fields of /proc/PID/stat from the third on, the process's state; nothing where there is no such process. The
 * second, its program's name in parentheses, may hold spaces and parentheses. (proc(5))
 */
export function statFieldsOf(pid: number): readonly string[] | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8");
    return line.slice(line.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
