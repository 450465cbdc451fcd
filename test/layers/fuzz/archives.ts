// Archives to begin from: everything that the reader understands, in any order and number, and now and then something
// that it must refuse. Mutation makes the rest.

import { type RawEntry, base256, paxRecord, rawTar } from "../../support/raw-tar.ts";
import type { Random } from "./random.ts";

type Text = string | Buffer;

const NAMES: readonly Text[] = [
  words("a b d/ d/e d/e/f l l/x d/l d/l/y up up/up/z ./a d/../x /abs/name a//b d/./e/"),
  words(
    ".wh.a d/.wh.e .wh..wh..opq d/.wh..wh..opq l/.wh.x .wh..wh.plnk/1 .wh..wh.aufs .wh.d/inside",
  ),
  ["new\nline", "right\u202eleft", "é", Buffer.from([0xff, 0xfe]), Buffer.from([0x64, 0x2f, 0xc3])],
  ["n".repeat(100), `${"p/".repeat(40)}q`],
].flat();
const BAD_NAMES: readonly Text[] = [
  "",
  ...words(". ./ / .. ../a ../../outside/canary .wh. .wh.. d/.wh..."),
];
const TARGETS: readonly Text[] = [
  ...words("a b d d/e l / .. ../.. ../../outside ../../outside/canary . /d /d/../.. d/l/.."),
  ...words("up/../up /proc/self/root .wh..wh.plnk/1 missing"),
  Buffer.from([0xff, 0xfe]),
];
const TYPES = [..."0000000055551112222346\0"];
const BAD_TYPES = [..."7gS9xLK"];
const BODY_BYTES = [0, 0, 1, 2, 100, 511, 512, 513, 1024, 3000, 9000];
const KEYS = ["path", "linkpath", "size", "mtime", "mtime", "uid", "gid", "atime", "comment"];
const NUMBERS = ["0", "1", "511", "512", "513"];
const BAD_NUMBERS = [
  "99999999999999999999",
  "4294967296",
  "-1",
  "1.5",
  "-1.25",
  "9007199254740992",
  "1e3",
  " 7",
  "",
];

export function randomArchive(random: Random): Buffer {
  // One bad entry hides all that follow it.
  const badness = random.oneIn(3) ? 5 : 200;
  const entries = Array.from({ length: 1 + random.below(8) }, () => randomEntry(random, badness));
  return rawTar(entries, {
    zeroBlocks: random.oneIn(badness) ? random.below(5) : random.pick([0, 2, 2, 2]),
    trailing: random.oneIn(12) ? random.bytes(random.below(1500)) : "",
  });
}

/** `badness`: one in how many choices is one that the reader may refuse. */
function randomEntry(random: Random, badness: number): RawEntry {
  const type = random.pick(random.oneIn(badness) ? BAD_TYPES : TYPES);
  const isLink = type === "1" || type === "2";
  return {
    name: random.pick(random.oneIn(badness) ? BAD_NAMES : NAMES),
    type,
    mode: random.pick([0o644, 0o755, 0o777, 0, 0o4755, 0o1777, 0o7777777]),
    mtime: random.pick([0, 1, 1_700_000_000, -1, 2 ** 33, 2 ** 40]),
    magic: random.oneIn(4) ? random.pick(["gnu", "none"]) : "ustar",
    ...(isLink ? { link: random.pick(TARGETS) } : {}),
    ...("07\0xgSLK9".includes(type) ? { body: random.bytes(random.pick(BODY_BYTES)) } : {}),
    ...(random.oneIn(6) ? { pax: randomRecords(random, badness) } : {}),
    ...(random.oneIn(12) ? { longName: String(random.pick(NAMES)) } : {}),
    ...(random.oneIn(12) ? { longLink: String(random.pick(TARGETS)) } : {}),
    ...(random.oneIn(20) ? { prefix: String(random.pick(NAMES)) } : {}),
    ...(random.oneIn(20) ? { checksum: "signed" } : {}),
    ...(random.oneIn(2 * badness) ? { checksum: "wrong" } : {}),
    ...(random.oneIn(2 * badness) ? { padded: false } : {}),
    ...(random.oneIn(2 * badness) ? { raw: { 124: base256(random.below(2000) - 1000, 12) } } : {}),
  };
}

/** The content of a PAX header. */
export function randomRecords(random: Random, badness: number): Buffer {
  const records = Array.from({ length: 1 + random.below(4) }, () => {
    const record = randomRecord(random, badness);
    if (random.oneIn(badness)) record[random.below(record.length)] = random.below(256);
    return random.oneIn(2 * badness) ? record.subarray(random.below(record.length)) : record;
  });
  return Buffer.concat(records);
}

function randomRecord(random: Random, badness: number): Buffer {
  if (random.oneIn(badness)) return paxRecord(random.pick(KEYS), random.bytes(random.below(30)));
  if (random.oneIn(5)) return paxRecord("SCHILY.xattr.security.capability", random.bytes(20));
  const key = random.pick(KEYS);
  const isNumber = ["size", "mtime", "uid", "gid"].includes(key);
  if (random.oneIn(badness)) return paxRecord(key, random.pick(isNumber ? BAD_NUMBERS : BAD_NAMES));
  return paxRecord(key, random.pick(isNumber ? NUMBERS : key === "path" ? NAMES : TARGETS));
}

function words(text: string): string[] {
  return text.split(" ");
}
