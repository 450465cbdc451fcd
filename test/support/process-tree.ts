// Processes of this machine by their parents.

import { existsSync, readdirSync, readFileSync } from "node:fs";

/** The processes below one: its children, theirs, and so on. */
export function processesBelow(ancestor: number): readonly number[] {
  const parents = new Map(allProcesses().map((pid) => [pid, parentOf(pid)] as const));
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === ancestor || isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}

/** Resolves when none of them is there any more, but for what nobody has collected. */
export async function areGone(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await Bun.sleep(5);
}

/** Those of sessions that these processes began; what nobody has collected does not count. */
export function processesOfSessions(leaders: readonly number[]): readonly number[] {
  return allProcesses().filter((pid) => {
    const [state, , , session] = stateOf(pid);
    return state !== "Z" && leaders.includes(Number(session));
  });
}

export function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && stateOf(pid)[0] !== "Z";
}

/** What the kernel tells of a process in a file of /proc; empty where it is gone. */
export function told(pid: number, file: "cmdline" | "comm" | "environ"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}

function allProcesses(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function parentOf(pid: number): number | undefined {
  const [, parent] = stateOf(pid);
  return parent === undefined ? undefined : Number(parent);
}

// What follows the name, which may hold spaces and parentheses.
function stateOf(pid: number): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return ["Z"];
  }
}
