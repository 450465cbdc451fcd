// Which TCP ports of this machine are listened on, and by whom, as the kernel tells it. Works without rights for
// processes of the same user.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { statFieldsOf } from "./process-stat.ts";

/** A port that somebody listens on at an address of this machine. */
interface Listener {
  readonly port: number;
  readonly inode: string;
}

const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];
/** TCP_LISTEN, as the kernel's table spells it. */
const LISTENING = "0A";

/** The ports that processes of this session listen on, the lowest first. */
export function portsOfSession(session: number): readonly number[] {
  const listeners = readListeners();
  if (listeners.length === 0) return [];
  const inodes = new Set(pidsOfSession(session).flatMap(socketsOf));
  const own = listeners.filter(({ inode }) => inodes.has(inode)).map(({ port }) => port);
  return [...new Set(own)].sort((one, other) => one - other);
}

/** Whether anybody listens on this port. */
export function isListenedOn(port: number): boolean {
  return readListeners().some((listener) => listener.port === port);
}

// `sl local_address rem_address st … inode`, addresses as HEX:HEX.
function readListeners(): readonly Listener[] {
  return TABLES.flatMap((table) => linesOf(table).slice(1)).flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [, address = "", , state] = fields;
    if (state !== LISTENING) return [];
    return [{ port: Number.parseInt(address.split(":")[1] ?? "", 16), inode: fields[9] ?? "" }];
  });
}

function pidsOfSession(session: number): readonly string[] {
  return readdirSync("/proc").filter(
    (name) => /^\d+$/.test(name) && sessionOf(Number(name)) === session,
  );
}

function sessionOf(pid: number): number | undefined {
  const [, , , session] = statFieldsOf(pid) ?? [];
  return session === undefined ? undefined : Number(session);
}

function socketsOf(pid: string): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((name) => {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${name}`)) ?? [];
      return inode === undefined ? [] : [inode];
    });
  } catch {
    // It has ended, or is not ours to look at.
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch {
    return [];
  }
}
