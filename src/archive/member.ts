// One member of an archive: its header joined with what extended headers say about it. One reading decides its type,
// its name and its size; what it means to an image is not its business.

import { RunnerError, printable } from "../errors.ts";
import type { FileTime } from "../system/file-times.ts";
import type { Header } from "./header.ts";
import { showName } from "./show-name.ts";
import { NO_XATTRS, type PaxRecords, type Xattrs } from "./pax.ts";

export type MemberType = "file" | "hardlink" | "symlink" | "device" | "directory" | "fifo";

/** A header with everything that extended headers say about it. Texts are latin1, one character a byte. */
export interface Member {
  readonly type: MemberType;
  readonly unsafeName: string;
  readonly unsafeTarget: string;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: FileTime;
  readonly xattrs: Xattrs;
}

/** GNU's long names; PAX beats them where an archive has both. */
export interface LongNames {
  readonly name: string | undefined;
  readonly target: string | undefined;
}

const TYPES: Readonly<Record<string, MemberType>> = {
  "\0": "file",
  "0": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "device",
  "4": "device",
  "5": "directory",
  "6": "fifo",
  "7": "file",
};

/** Throws LAYER_UNSUPPORTED for a type that no layer may hold, LAYER_CORRUPT for a size that cannot be. */
export function parseMember(header: Header, pax: PaxRecords | undefined, long: LongNames): Member {
  const unsafeName = pax?.unsafePath ?? long.name ?? header.unsafeName;
  const type = memberType(header.flag, unsafeName, pax?.sparse === true);
  return {
    type,
    unsafeName,
    unsafeTarget: pax?.unsafeTarget ?? long.target ?? header.unsafeTarget,
    size: contentSize(type, unsafeName, header.size, pax?.size),
    mode: header.mode,
    uid: pax?.uid ?? header.uid,
    gid: pax?.gid ?? header.gid,
    mtime: pax?.mtime ?? { seconds: header.mtime, nanoseconds: 0 },
    xattrs: pax?.xattrs ?? NO_XATTRS,
  };
}

function memberType(flag: string, unsafeName: string, isSparse: boolean): MemberType {
  if (flag === "S" || isSparse) {
    throw new RunnerError("LAYER_UNSUPPORTED", `${showName(unsafeName)} is a sparse file`);
  }
  // Archives older than POSIX mark a directory by the slash alone.
  if (flag === "\0" && unsafeName.endsWith("/")) return "directory";
  const type = TYPES[flag];
  if (type !== undefined) return type;
  throw new RunnerError(
    "LAYER_UNSUPPORTED",
    `${showName(unsafeName)} has the tar type "${printable(flag)}", which no layer may hold`,
  );
}

// One size decides both what a member holds and where the next header is: any difference between the two is a place
// to hide members (CVE-2025-62518). Only files have content; POSIX also lets a hard link repeat its target's, which a
// PAX size announces. A plain size on anything else is an old habit that stands for no bytes.
function contentSize(
  type: MemberType,
  unsafeName: string,
  headerSize: number,
  paxSize: number | undefined,
): number {
  if (type === "file") return paxSize ?? headerSize;
  const size = paxSize ?? 0;
  if (size === 0 || type === "hardlink") return size;
  throw new RunnerError(
    "LAYER_CORRUPT",
    `${showName(unsafeName)} is a ${type} with ${size} bytes of content`,
  );
}
