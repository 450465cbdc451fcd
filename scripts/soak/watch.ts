// What a process holds: memory, descriptors, and processes of the server, wherever they are.

import { readdirSync, readFileSync } from "node:fs";

const ESTABLISHED = "01";

/** Its resident set, in megabytes. */
export function residentMegabytes(pid: number): number {
  const [, kilobytes] =
    /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1000;
}

/** Its open descriptors, without connections to its port: their other ends are ours to close. */
export function descriptorCount(pid: number, port: number): number {
  return readdirSync(`/proc/${pid}/fd`).length - connectionsTo(port);
}

/** How many processes of this machine were started from a file of this name, of up to 15 characters. */
export function processesNamed(name: string): number {
  return readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && nameOf(pid) === name).length;
}

// https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html
function connectionsTo(port: number): number {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = readFileSync("/proc/net/tcp", "utf8").split("\n");
  return rows.filter((row) => {
    const [, address, , state] = row.trim().split(/\s+/);
    return address === local && state === ESTABLISHED;
  }).length;
}

function nameOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trimEnd();
  } catch {
    // It has ended.
    return undefined;
  }
}
