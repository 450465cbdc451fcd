// What the tar reader makes of headers, right and wrong ones. The numbers are those of the case list.

import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { type RawEntry, base256, paxRecord, rawTar } from "../support/raw-tar.ts";
import { tempDir } from "../support/temp-dir.ts";
import {
  type LayerLike,
  type Listing,
  blobLayer,
  dir,
  file,
  hardlink,
  refusalOf,
  streamOf,
  symlink,
  treeOf,
  unpack,
} from "./support.ts";

const LONG = `${"d".repeat(120)}/${"f".repeat(130)}`;
const LONG_TREE = { ["d".repeat(120)]: "dir", [LONG]: "file content" };
const HEADER_SIZE = 124;
const HEADER_MODE = 100;
const HEADER_PREFIX = 345;

type Case = readonly [title: string, layer: LayerLike, expected: Listing];

const READ: readonly Case[] = [
  [
    "X1 a PAX path beats the header's name",
    [file("x", "b", { pax: { path: "real" } })],
    { real: "file b" },
  ],
  [
    "X1 a PAX linkpath beats the header's",
    [{ ...symlink("l", "x"), pax: { linkpath: "real target" } }],
    { l: "link real target" },
  ],
  [
    "X1 a PAX size decides where the next header is",
    [{ name: "a", body: "123456", size: 0, pax: { size: "6" } }, file("b")],
    { a: "file 123456", b: "file b" },
  ],
  [
    "X1 PAX paths keep their spaces",
    [file("x", "b", { pax: { path: "with a space" } })],
    { "with a space": "file b" },
  ],
  [
    "X2 a record may hold equals signs and newlines",
    [file("x", "b", { pax: { path: "a=b\nc" } })],
    { "a=b\nc": "file b" },
  ],
  [
    "X2 an extended attribute may hold NUL",
    [file("x", "b", { pax: { "SCHILY.xattr.user.a": Buffer.from([0, 10, 0]) } })],
    { x: "file b" },
  ],
  [
    "X2 of two records of one key the last counts",
    [file("x", "b", { pax: twice("a", "b") })],
    { b: "file b" },
  ],
  [
    "X3 an empty value gives the header's own field back",
    [file("x", "b", { pax: twice("a", "") })],
    { x: "file b" },
  ],
  [
    "X4 a global header is passed over",
    [{ name: "pax_global_header", type: "g", body: paxRecord("comment", "0123") }, file("f")],
    { f: "file f" },
  ],
  ["X5 a GNU long name", [file("short", "content", { longName: LONG })], LONG_TREE],
  ["X5 a GNU long link", [{ ...symlink("l", "short"), longLink: LONG }], { l: `link ${LONG}` }],
  [
    "X5 PAX beats GNU where an entry has both",
    [file("x", "b", { longName: "gnu", pax: { path: "pax" } })],
    { pax: "file b" },
  ],
  [
    "X5 a long name is for the next entry only",
    [file("x", "content", { longName: LONG }), file("y")],
    { ...LONG_TREE, y: "file y" },
  ],
  [
    "X6 a POSIX header's prefix comes before the name",
    [file("f".repeat(130).slice(0, 100), "content", { prefix: "p/q" })],
    { p: "dir", "p/q": "dir", [`p/q/${"f".repeat(100)}`]: "file content" },
  ],
  [
    "X6 a GNU header has other things in those bytes",
    [
      file("f", "content", {
        magic: "gnu",
        raw: { [HEADER_PREFIX]: "00000000001\x0000000000002" },
      }),
    ],
    { f: "file content" },
  ],
  [
    "X6 a header without magic has no prefix",
    [file("f", "b", { magic: "none", prefix: "p" })],
    { f: "file b" },
  ],
  [
    "X7 a size in base-256",
    [file("f", "abc", { raw: { [HEADER_SIZE]: base256(3, 12) } }), file("g")],
    { f: "file abc", g: "file g" },
  ],
  [
    "X8 a number may be padded with spaces",
    [file("f", "abc", { raw: { [HEADER_SIZE]: "         3 \0" } })],
    { f: "file abc" },
  ],
  [
    "X8 a number may have no padding",
    [file("f", "abc", { raw: { [HEADER_SIZE]: "000000000003" } })],
    { f: "file abc" },
  ],
  [
    "X8 an empty number is 0",
    [file("f", "", { raw: { [HEADER_SIZE]: Buffer.alloc(12) } })],
    { f: "file " },
  ],
  [
    "X9 a checksum of signed bytes counts",
    [{ name: Buffer.from([0xe9, 0x61]), body: "b", checksum: "signed" }],
    { "\u00e9a": "file b" },
  ],
  [
    "X10 an archive may end after the data",
    rawTar([file("f")], { zeroBlocks: 0 }),
    { f: "file f" },
  ],
  [
    "X10 an archive may end after the data without filling its block",
    rawTar([file("f", "f", { padded: false })], { zeroBlocks: 0 }),
    { f: "file f" },
  ],
  [
    "X10 an archive may end after one block of zeros",
    rawTar([file("f")], { zeroBlocks: 1 }),
    { f: "file f" },
  ],
  [
    "X10 whatever follows two blocks of zeros is passed over",
    rawTar([file("f")], { trailing: rawTar([file("g")]) }),
    { f: "file f" },
  ],
  [
    "X11 all types that a layer may hold",
    [
      { name: "zero", type: "0", body: "0" },
      { name: "nul", type: "\0", body: "nul" },
      { name: "seven", type: "7", body: "7" },
      hardlink("one", "zero"),
      symlink("two", "zero"),
      { name: "three", type: "3", major: 1, minor: 3 },
      { name: "four", type: "4", major: 8, minor: 0 },
      dir("five"),
      { name: "six", type: "6" },
    ],
    {
      zero: "file 0",
      nul: "file nul",
      seven: "file 7",
      one: "file 0",
      two: "link zero",
      five: "dir",
    },
  ],
  [
    "X11 an old header's slash makes a directory",
    [{ name: "d/", type: "\0", magic: "none" }],
    { d: "dir" },
  ],
  [
    "X13 names are cleaned",
    [file("/abs"), file("./dot"), file("a//b/./c"), file("x/../y"), dir("tail/")],
    {
      abs: "file /abs",
      dot: "file ./dot",
      a: "dir",
      "a/b": "dir",
      "a/b/c": "file a//b/./c",
      y: "file x/../y",
      tail: "dir",
    },
  ],
  ["X13 a backslash is a letter like others", [file("a\\..\\b")], { "a\\..\\b": "file a\\..\\b" }],
  ["X14 a directory without a name is the root", [dir(""), file("f")], { f: "file f" }],
  [
    "X16 names are bytes",
    [
      { name: Buffer.from([0x64, 0xff, 0x2f, 0xfe]), body: "a" },
      file("x", "b", { pax: { path: Buffer.from([0xc3, 0x28]) } }),
    ],
    { "d\u00ff": "dir", "d\u00ff/\u00fe": "file a", "\u00c3(": "file b" },
  ],
  [
    "X17 two spellings of one letter are two names, and so are two cases",
    [
      file("\u00e9", "composed"),
      file("e\u0301", "decomposed"),
      file("n", "small"),
      file("N", "large"),
    ],
    {
      "\u00c3\u00a9": "file composed",
      "e\u00cc\u0081": "file decomposed",
      n: "file small",
      N: "file large",
    },
  ],
  [
    "X18 of two entries of one name the last counts",
    [file("f", "first"), file("f", "last")],
    { f: "file last" },
  ],
  [
    "X20 a child may come before its parent",
    [file("d/f"), dir("d")],
    { d: "dir", "d/f": "file d/f" },
  ],
];

type Refusal = readonly [title: string, layer: LayerLike, code: string, message?: string];

const REFUSED: readonly Refusal[] = [
  ["X2 a PAX length that is no number", withPax("x path=a\n"), "LAYER_CORRUPT"],
  ["X2 a PAX length with a sign", withPax("+9 path=a\n"), "LAYER_CORRUPT"],
  ["X2 a PAX length with a leading zero", withPax("010 path=a\n"), "LAYER_CORRUPT"],
  ["X2 a PAX length of zero", withPax("0 path=a\n"), "LAYER_CORRUPT"],
  ["X2 a PAX length beyond the header", withPax("99 path=a\n"), "LAYER_CORRUPT"],
  ["X2 a PAX length that ends early", withPax("5 path=a\n"), "LAYER_CORRUPT"],
  ["X2 a PAX length that ends in the key", withPax("3 p\n=a"), "LAYER_CORRUPT"],
  ["X2 a PAX length of many digits", withPax(`${"9".repeat(400)} path=a\n`), "LAYER_CORRUPT"],
  ["X2 a PAX record without a newline", withPax("9 path=abc"), "LAYER_CORRUPT"],
  ["X2 a PAX record without an equals sign", withPax("8 pathx\n"), "LAYER_CORRUPT"],
  ["X2 a PAX record without a key", withPax("5 =a\n"), "LAYER_CORRUPT"],
  ["X2 a PAX key with NUL", withPax("9 p\0th=a\n"), "LAYER_CORRUPT"],
  ["X2 a PAX value with NUL", [file("f", "f", { pax: { comment: "a\0b" } })], "LAYER_CORRUPT"],
  ["X2 PAX bytes after the last record", withPax("9 path=a\n\0\0"), "LAYER_CORRUPT"],
  ["X2 a PAX size that is no number", [file("f", "f", { pax: { size: "1x" } })], "LAYER_CORRUPT"],
  ["X2 a negative PAX size", [file("f", "f", { pax: { size: "-1" } })], "LAYER_CORRUPT"],
  [
    "X2 a PAX size beyond what numbers hold",
    [file("f", "f", { pax: { size: "9007199254740993" } })],
    "LAYER_CORRUPT",
  ],
  ["X2 a PAX uid that is no number", [file("f", "f", { pax: { uid: "root" } })], "LAYER_CORRUPT"],
  [
    "X2 a PAX mtime that is no number",
    [file("f", "f", { pax: { mtime: "now" } })],
    "LAYER_CORRUPT",
  ],
  [
    "X2 a PAX size for what has no content",
    [{ ...dir("d"), pax: { size: "512" } }],
    "LAYER_CORRUPT",
  ],
  ["X4 a malformed global header", [{ name: "g", type: "g", body: "junk" }], "LAYER_CORRUPT"],
  ["X5 two PAX headers for one entry", twoHeaders("x", paxRecord("path", "a")), "LAYER_CORRUPT"],
  ["X5 two GNU long names for one entry", twoHeaders("L", "a\0"), "LAYER_CORRUPT"],
  ["X5 two GNU long links for one entry", twoHeaders("K", "a\0"), "LAYER_CORRUPT"],
  [
    "X5 a PAX header without an entry",
    [{ name: "x", type: "x", body: paxRecord("path", "a") }],
    "LAYER_CORRUPT",
  ],
  ["X5 a GNU long name without an entry", [{ name: "L", type: "L", body: "a\0" }], "LAYER_CORRUPT"],
  [
    "X7 a negative size",
    [file("f", "", { raw: { [HEADER_SIZE]: base256(-1, 12) } })],
    "LAYER_CORRUPT",
    "size",
  ],
  [
    "X7 a size beyond what numbers hold",
    [file("f", "", { raw: { [HEADER_SIZE]: base256(2n ** 53n, 12) } })],
    "LAYER_CORRUPT",
  ],
  [
    "X7 a size of 95 bits",
    [file("f", "", { raw: { [HEADER_SIZE]: base256(2n ** 90n, 12) } })],
    "LAYER_CORRUPT",
  ],
  ["X7 a negative uid", [file("f", "", { raw: { 108: base256(-1, 8) } })], "LAYER_CORRUPT", "uid"],
  [
    "X8 a number with another byte in it",
    [file("f", "", { raw: { [HEADER_MODE]: "00006x4\0" } })],
    "LAYER_CORRUPT",
    "mode",
  ],
  [
    "X8 a number with an 8",
    [file("f", "", { raw: { [HEADER_MODE]: "0000684\0" } })],
    "LAYER_CORRUPT",
  ],
  [
    "X8 a number with something after its end",
    [file("f", "", { raw: { [HEADER_MODE]: "0644\x001\0\0" } })],
    "LAYER_CORRUPT",
  ],
  [
    "X8 a number with a sign",
    [file("f", "", { raw: { [HEADER_MODE]: "-000644\0" } })],
    "LAYER_CORRUPT",
  ],
  ["X9 a wrong checksum", [file("f", "f", { checksum: "wrong" })], "LAYER_CORRUPT", "checksum"],
  ["X9 bytes that are no archive", Buffer.alloc(2048, "not a tar archive "), "LAYER_CORRUPT"],
  [
    "X10 entries after a block of zeros",
    Buffer.concat([rawTar([file("f")], { zeroBlocks: 1 }), rawTar([file("g")])]),
    "LAYER_CORRUPT",
    "zeros",
  ],
  [
    "X10 an end in the middle of a header",
    rawTar([file("f")]).subarray(0, 100),
    "LAYER_CORRUPT",
    "ends",
  ],
  [
    "X10 an end in the middle of content",
    rawTar([file("f", "x".repeat(900))]).subarray(0, 1000),
    "LAYER_CORRUPT",
    "ends",
  ],
  [
    "X10 an end in the middle of a PAX header",
    rawTar([file("f", "f", { pax: { path: "x" } })]).subarray(0, 600),
    "LAYER_CORRUPT",
    "ends",
  ],
  ["X11 a type that no layer may hold", [{ name: "f", type: "V" }], "LAYER_UNSUPPORTED", '"V"'],
  [
    "X11 a type that is a control character",
    [{ name: "f", type: "\x1b" }],
    "LAYER_UNSUPPORTED",
    '"\\x1b"',
  ],
  ["X12 a sparse file of old GNU", [{ name: "f", type: "S" }], "LAYER_UNSUPPORTED", "sparse"],
  [
    "X12 a sparse file of PAX 0.1",
    [file("f", "f", { pax: { "GNU.sparse.map": "0,1" } })],
    "LAYER_UNSUPPORTED",
    "sparse",
  ],
  [
    "X12 a sparse file of PAX 1.0",
    [file("f", "f", { pax: { "GNU.sparse.major": "1" } })],
    "LAYER_UNSUPPORTED",
    "sparse",
  ],
  ["X13 a name that climbs out", [file("../x")], "LAYER_UNSAFE", '"../x"'],
  ["X13 a name that climbs out after going in", [file("a/../../x")], "LAYER_UNSAFE"],
  ["X13 an absolute name that climbs out", [file("/../x")], "LAYER_UNSAFE"],
  ["X14 a file without a name", [file("", "f")], "LAYER_UNSAFE"],
  ["X14 a link without a name", [symlink("", "/x")], "LAYER_UNSAFE"],
  ["S1 a link without a target", [symlink("l", "")], "LAYER_CORRUPT"],
  ["X15 NUL in a PAX path", [file("f", "f", { pax: { path: "a\0b" } })], "LAYER_CORRUPT"],
  [
    "X15 NUL in a PAX linkpath",
    [{ ...symlink("l", "x"), pax: { linkpath: "a\0b" } }],
    "LAYER_CORRUPT",
  ],
  [
    "X19 a component of 256 bytes",
    [file("f", "f", { longName: "c".repeat(256) })],
    "LIMIT_EXCEEDED",
    "MAX_NAME_BYTES",
  ],
  [
    "X19 a path of 4097 bytes",
    [file("f", "f", { longName: "ab/".repeat(1366) })],
    "LIMIT_EXCEEDED",
    "MAX_PATH_BYTES",
  ],
  [
    "X19 a target of 4097 bytes",
    [{ ...symlink("l", "x"), longLink: "t".repeat(4097) }],
    "LIMIT_EXCEEDED",
    "MAX_PATH_BYTES",
  ],
];

describe("tar archives", () => {
  for (const [title, layer, expected] of READ) {
    test(title, async () => expect(await treeOf([layer])).toEqual(expected));
  }

  for (const [title, layer, code, message = ""] of REFUSED) {
    test(`${title} is refused`, async () => {
      const error = await refusalOf([layer]);
      expect(error).toMatchObject({ code, stage: "extract" });
      expect(error.message).toContain(message);
    });
  }

  test("X19 a component of 255 bytes and a path of nearly 4096 are fine", async () => {
    using temp = tempDir();
    const path = Array.from({ length: 14 }, () => "c".repeat(255)).join("/");
    await unpack(temp.path, [[file("f", "f", { longName: path })]]);
    expect(readdirSync(`${temp.path}/root`)).toEqual(["c".repeat(255)]);
  });

  test("an archive that comes byte by byte is the same archive", async () => {
    const archive = rawTar([
      dir("d"),
      file("x", "content", { pax: { path: "d/pax" } }),
      file("y", "b".repeat(513), { longName: `d/${"n".repeat(120)}` }),
      symlink("l", "d"),
      file("end"),
    ]);
    const whole = await treeOf([archive]);
    for (const pieceBytes of [1, 511, 513]) {
      const layer = {
        ...blobLayer(archive, archive),
        open: async () => streamOf(archive, pieceBytes),
      };
      expect(await treeOf([layer])).toEqual(whole);
    }
  });
});

function twice(first: string, second: string): Buffer {
  return Buffer.concat([paxRecord("path", first), paxRecord("path", second)]);
}

function withPax(content: string): RawEntry[] {
  return [file("f", "f", { pax: Buffer.from(content, "latin1") })];
}

function twoHeaders(type: string, body: string | Uint8Array): RawEntry[] {
  return [{ name: "meta", type, body }, { name: "meta", type, body }, file("f")];
}
