// Which process something belongs to, as text that a file's name can hold. A number alone is given to another process
// one day; with its start time it is one process for ever, through execve, which keeps both.

import { readFileSync, readlinkSync } from "node:fs";
import { statFieldsOf } from "./process-stat.ts";

const IDENTITY = /^(\d+)-(\d+)-([0-9a-f]{8})-(\d+)(?=-|$)/;

/** `elsewhere` is another process namespace of this boot, such as another container: nobody here can tell. */
export type Life = "alive" | "dead" | "elsewhere";

/** This process: its number, start time, boot and process namespace. */
export function ownIdentity(): string {
  return [process.pid, startTimeOf(process.pid), bootId(), pidNamespace()].join("-");
}

/** The identity that a text begins with, if it does. */
export function identityIn(unsafeText: string): string | undefined {
  return IDENTITY.exec(unsafeText)?.[0];
}

/** What has become of a process by its identity. */
export function lifeOf(identity: string): Life {
  const [pid, startTime, boot, namespace] = identity.split("-");
  if (boot !== bootId()) return "dead";
  if (namespace !== pidNamespace()) return "elsewhere";
  return startTimeOf(Number(pid)) === startTime ? "alive" : "dead";
}

/** Something that no two boots have in common. */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").slice(0, 8);
  } catch {
    // Sandboxes that emulate a kernel may not have it; they are as short-lived as a boot.
    return "00000000";
  }
}

function pidNamespace(): string {
  return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
}

// Field 22 of /proc/PID/stat, in clock ticks since boot.
function startTimeOf(pid: number): string {
  const fields = statFieldsOf(pid);
  return fields === undefined ? "gone" : (fields[19] ?? "0");
}
