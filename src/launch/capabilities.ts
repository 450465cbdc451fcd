// What the kernel says of this process's rights: capabilities, and the users that its namespace knows.

import { readFileSync } from "node:fs";

// https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/capability.h
const NUMBERS = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  FOWNER: 3,
  SETGID: 6,
  SETUID: 7,
  SYS_ADMIN: 21,
} as const;

export type Capability = keyof typeof NUMBERS;

/** Those of the named capabilities that are not in effect. */
export function missingCapabilities(names: readonly Capability[]): Capability[] {
  const [, digits = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(textOf("/proc/self/status")) ?? [];
  const effective = BigInt(`0x${digits}`);
  return names.filter((name) => ((effective >> BigInt(NUMBERS[name])) & 1n) === 0n);
}

/** Whether this user namespace has a user, or a group, of that number. */
export function isMapped(kind: "uid" | "gid", id: number): boolean {
  return textOf(`/proc/self/${kind}_map`)
    .split("\n")
    .some((line) => {
      const [inside = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
      return id >= inside && id < inside + count;
    });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
