// Layers as plain data, before they are archives: what a test generates, a model applies, and a failure shows.

import { type RawEntry, paxRecord, rawTar } from "../support/raw-tar.ts";

/** One member of a layer. Names and targets are latin1, one character a byte, and as the archive has them. */
export type Change = { readonly name: string; readonly encoding: Encoding } & (
  | { readonly kind: "directory"; readonly mode: number; readonly mtime: bigint }
  | {
      readonly kind: "file";
      readonly mode: number;
      readonly mtime: bigint;
      readonly content: string;
    }
  | { readonly kind: "symlink"; readonly target: string; readonly mtime: bigint }
  | { readonly kind: "hardlink"; readonly target: string }
  | { readonly kind: "fifo" | "device"; readonly mode: number; readonly mtime: bigint }
);

/** Which part of the archive carries names: headers have room for 100 bytes. */
export type Encoding = "header" | "pax" | "gnu";

const FLAGS = { file: "0", hardlink: "1", symlink: "2", device: "3", directory: "5", fifo: "6" };
const FIELD_BYTES = 100;
const SECOND = 1_000_000_000n;

/** The layer's archive; `mtime`s are nanoseconds since 1970. */
export function archiveOf(changes: readonly Change[]): Buffer {
  return rawTar(changes.flatMap(entriesOf));
}

/** A layer for people, a change a line. */
export function showChanges(changes: readonly Change[]): string {
  return changes.map((change) => `  ${showChange(change)}`).join("\n");
}

function showChange(change: Change): string {
  const target = "target" in change ? ` -> ${JSON.stringify(change.target)}` : "";
  const mode = "mode" in change ? ` ${change.mode.toString(8)}` : "";
  const content = "content" in change ? ` ${JSON.stringify(change.content)}` : "";
  const mtime = "mtime" in change ? ` @${change.mtime}` : "";
  return `${change.kind} ${JSON.stringify(change.name)}${target}${mode}${content}${mtime}`;
}

function entriesOf(change: Change): RawEntry[] {
  const mtime = "mtime" in change ? change.mtime : 0n;
  const target = "target" in change ? change.target : "";
  const { inHeader, before, records } = encode(change, target);
  const times = mtime % SECOND === 0n ? [] : [paxRecord("mtime", decimal(mtime))];
  const pax = Buffer.concat([...records, ...times]);
  return [
    ...before,
    {
      ...inHeader,
      type: FLAGS[change.kind],
      mtime: Number(mtime / SECOND),
      ...("mode" in change ? { mode: change.mode } : {}),
      ...("content" in change ? { body: bytesOf(change.content) } : {}),
      ...(pax.length > 0 ? { pax } : {}),
    },
  ];
}

interface Encoded {
  readonly inHeader: Pick<RawEntry, "name" | "link">;
  /** Members before it. */
  readonly before: readonly RawEntry[];
  readonly records: readonly Buffer[];
}

// What stands in the header when the name is elsewhere must not be believed, so that it names something else.
function encode({ name, encoding: wanted }: Change, target: string): Encoded {
  const [nameBytes, targetBytes] = [bytesOf(name), bytesOf(target)];
  const elsewhere = { name: "elsewhere", link: target === "" ? "" : "elsewhere" };
  const isLong = Math.max(name.length, target.length) > FIELD_BYTES;
  // An empty PAX value means the header's.
  const encoding = name === "" ? "header" : isLong && wanted === "header" ? "pax" : wanted;
  if (encoding === "header") {
    return { inHeader: { name: nameBytes, link: targetBytes }, before: [], records: [] };
  }
  if (encoding === "pax") {
    const link = target === "" ? [] : [paxRecord("linkpath", targetBytes)];
    return { inHeader: elsewhere, before: [], records: [paxRecord("path", nameBytes), ...link] };
  }
  const long = (type: string, text: Buffer): RawEntry => ({ name: "long", type, body: text });
  const link = target === "" ? [] : [long("K", targetBytes)];
  return { inHeader: elsewhere, before: [long("L", nameBytes), ...link], records: [] };
}

/** Nanoseconds as PAX writes them: `-1.25` is 1.25 s before 1970. */
function decimal(nanoseconds: bigint): string {
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const fraction = String(size % SECOND).padStart(9, "0");
  return `${nanoseconds < 0n ? "-" : ""}${size / SECOND}.${fraction}`;
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
