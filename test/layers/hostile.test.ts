// Archives that want out. Each is unpacked beside a canary that must not change: an archive is either refused, with
// nothing left of it, or it ends up inside the root, harmless.

import { describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { RunnerError } from "../../src/errors.ts";
import { type RawEntry, paxRecord, rawTar } from "../support/raw-tar.ts";
import { tempDir } from "../support/temp-dir.ts";
import {
  type LayerLike,
  type Listing,
  blobLayer,
  compress,
  dir,
  file,
  hardlink,
  listing,
  refusalOf,
  symlink,
  unpack,
  whiteout,
} from "./support.ts";

/** Where the canary is, as seen from the root, and from anywhere. */
const CANARY = "../../outside/canary";

interface Hostile {
  readonly name: string;
  /** `outside` is the absolute path of the canary's directory. */
  layers(outside: string): readonly LayerLike[];
  /** The code of the refusal, or what is in the root afterwards: all of it, or the part that matters. */
  readonly expected: string | Listing;
}

const evil = (name: string, more: Partial<RawEntry> = {}) => file(name, "evil", more);

const HOSTILE: readonly Hostile[] = [
  { name: "a name with ..", layers: () => [[evil(CANARY)]], expected: "LAYER_UNSAFE" },
  {
    name: "a PAX name with ..",
    layers: () => [[evil("x", { pax: { path: CANARY } })]],
    expected: "LAYER_UNSAFE",
  },
  {
    name: "a GNU long name with ..",
    layers: () => [[evil("x", { longName: CANARY })]],
    expected: "LAYER_UNSAFE",
  },
  {
    name: "a prefix with ..",
    layers: () => [[evil("outside/canary", { prefix: "../.." })]],
    expected: "LAYER_UNSAFE",
  },
  {
    name: "a directory named ..",
    layers: () => [[dir("..", { mode: 0o777 })]],
    expected: "LAYER_UNSAFE",
  },
  {
    name: "a whiteout outside",
    layers: () => [[whiteout("../../outside/.wh.canary")]],
    expected: "LAYER_UNSAFE",
  },
  {
    name: "an opaque marker outside",
    layers: () => [[whiteout("../../outside/.wh..wh..opq")]],
    expected: "LAYER_UNSAFE",
  },
  {
    name: "an absolute name",
    layers: () => [[evil("/etc/canary")]],
    expected: { etc: "dir", "etc/canary": "file evil" },
  },
  {
    name: "an absolute name that is the canary's",
    layers: (outside) => [[evil("x", { pax: { path: `${outside}/canary` } })]],
    expected: {},
  },
  {
    name: "NUL in a name",
    layers: (outside) => [[evil("x", { pax: { path: `${outside}/canary\0.txt` } })]],
    expected: "LAYER_CORRUPT",
  },
  {
    name: "a link out, then a file through it",
    layers: (outside) => [[{ ...symlink("l", "x"), longLink: outside }, evil("l/canary")]],
    expected: {},
  },
  {
    name: "a link out in one layer, a file through it in the next",
    layers: () => [[symlink("l", "../../outside")], [evil("l/canary")]],
    expected: { l: "link ../../outside", outside: "dir", "outside/canary": "file evil" },
  },
  {
    name: "a link to the canary, then a file of the same name",
    layers: () => [[symlink("l", CANARY), evil("l")]],
    expected: { l: "file evil" },
  },
  {
    name: "a link to the canary's directory, then a whiteout through it",
    layers: () => [[symlink("l", "../../outside")], [whiteout("l/.wh.canary")]],
    expected: { l: "link ../../outside" },
  },
  {
    name: "a link to the canary's directory, then a directory entry for it",
    layers: () => [[symlink("l", "../../outside"), dir("l", { mode: 0o777, mtime: 1 })]],
    expected: { l: "dir" },
  },
  {
    name: "links that are harmless one by one and lead out together (GHSA-m37j-52j7-pjw7)",
    layers: () => [
      [
        dir("a"),
        symlink("a/up", ".."),
        symlink("a/up2", "up/.."),
        symlink("out", "a/up2/../outside"),
        evil("out/canary"),
      ],
    ],
    expected: {
      a: "dir",
      "a/up": "link ..",
      "a/up2": "link up/..",
      out: "link a/up2/../outside",
      outside: "dir",
      "outside/canary": "file evil",
    },
  },
  {
    name: "two links and a hard link through them (CVE-2026-26960)",
    layers: () => [
      [
        dir("a"),
        dir("a/b"),
        symlink("a/b/l1", "../.."),
        symlink("l2", "a/b/l1/../.."),
        hardlink("h", "l2/outside/canary"),
      ],
    ],
    expected: "LAYER_CORRUPT",
  },
  {
    name: "a hard link to the canary by ..",
    layers: () => [[hardlink("h", CANARY)]],
    expected: "LAYER_CORRUPT",
  },
  {
    name: "a hard link to the canary by its absolute path",
    layers: (outside) => [[{ ...hardlink("h", "x"), longLink: `${outside}/canary` }]],
    expected: "LAYER_CORRUPT",
  },
  {
    name: "a hard link to a file of the working directory",
    layers: () => [[hardlink("h", "package.json")]],
    expected: "LAYER_CORRUPT",
  },
  {
    name: "a hard link to a link to the canary, then its mode and content (CVE-2021-32760)",
    layers: () => [
      [symlink("l", CANARY), { ...hardlink("h", "l"), mode: 0o777, mtime: 1 }, hardlink("i", "h")],
      [evil("h", { mode: 0o777 })],
    ],
    expected: { h: "file evil", i: `link ${CANARY}`, l: `link ${CANARY}` },
  },
  {
    name: "a root that turns into a link (CVE-2021-29136)",
    layers: () => [[symlink(".", "../../outside"), evil("canary")]],
    expected: "LAYER_UNSAFE",
  },
  {
    name: "a root that turns into a link under another name",
    layers: () => [[symlink("x/..", "../../outside"), evil("canary")]],
    expected: "LAYER_UNSAFE",
  },
  {
    name: "a root that turns into a hard link",
    layers: () => [[symlink("l", "../../outside"), hardlink("./", "l")]],
    expected: "LAYER_UNSAFE",
  },
  {
    name: "a directory that turns into a link after its path was seen (CVE-2025-47290)",
    layers: () => [
      [
        dir("d"),
        dir("d/e"),
        file("d/e/f"),
        symlink("d", "../../outside"),
        evil("d/canary"),
        evil("d/e/f"),
      ],
    ],
    expected: {
      d: "link ../../outside",
      outside: "dir",
      "outside/canary": "file evil",
      "outside/e": "dir",
      "outside/e/f": "file evil",
    },
  },
  {
    name: "a directory that is whited out and comes back as a link",
    layers: () => [
      [dir("d")],
      [whiteout(".wh.d"), symlink("d", "../../outside"), evil("d/canary")],
    ],
    expected: { d: "link ../../outside", outside: "dir", "outside/canary": "file evil" },
  },
  {
    name: "a size that two readers read differently (CVE-2025-62518)",
    layers: () => {
      const inner = rawTar([evil("smuggled")], { zeroBlocks: 0 });
      return [
        [{ name: "a", body: inner, size: 0, pax: { size: String(inner.length) } }, file("b")],
      ];
    },
    expected: { b: "file b" },
  },
  {
    name: "a size that hides members from a reader of PAX",
    layers: () => {
      const inner = rawTar([evil("smuggled")], { zeroBlocks: 0 });
      return [[{ name: "a", body: inner, pax: { size: "0" } }]];
    },
    expected: { a: "file ", smuggled: "file evil" },
  },
  {
    name: "a PAX record that a lenient reader skips",
    layers: () => [
      [evil("a", { pax: Buffer.concat([Buffer.from("7 path="), paxRecord("size", "512")]) })],
    ],
    expected: "LAYER_CORRUPT",
  },
  {
    name: "a link to /proc, then a file through it",
    layers: () => [[symlink("p", "/proc/self/cwd"), evil("p/canary")]],
    expected: {
      p: "link /proc/self/cwd",
      proc: "dir",
      "proc/self": "dir",
      "proc/self/cwd": "dir",
      "proc/self/cwd/canary": "file evil",
    },
  },
  {
    name: "names of the staging directories",
    layers: () => [[evil(".bodies-/0/0"), evil("0")], [evil("0/0")]],
    expected: {
      ".bodies-": "dir",
      ".bodies-/0": "dir",
      ".bodies-/0/0": "file evil",
      "0": "dir",
      "0/0": "file evil",
    },
  },
  {
    name: "a good layer below a bad one",
    layers: () => [[file("good")], [evil(CANARY)]],
    expected: "LAYER_UNSAFE",
  },
  {
    name: "a device, then a file through it",
    layers: () => [[{ name: "sda", type: "4", major: 8, minor: 0 }, evil("sda/x")]],
    expected: { sda: "dir", "sda/x": "file evil" },
  },
];

describe("hostile archives", () => {
  for (const { name, layers, expected } of HOSTILE) {
    test(`${name} ${typeof expected === "string" ? "is refused" : "stays inside"}`, async () => {
      using temp = tempDir();
      mkdirSync(temp.file("outside"));
      mkdirSync(temp.file("work/inner"), { recursive: true });
      writeFileSync(temp.file("outside/canary"), "alive", { mode: 0o640 });
      const before = canaryState(temp.path);
      const outcome = await unpack(temp.file("work/inner"), layers(temp.file("outside"))).then(
        ({ root }) => listing(root),
        (error: unknown) => (error instanceof RunnerError ? error.code : error),
      );
      expect(canaryState(temp.path)).toEqual(before);
      if (typeof expected === "string") expect(outcome).toBe(expected);
      else expect(outcome).toMatchObject(expected);
      expect(readdirSync(temp.file("work/inner"))).toEqual(
        typeof expected === "string" ? [] : ["root"],
      );
    });
  }

  test("control characters of a name are escaped in the refusal", async () => {
    using temp = tempDir();
    const name = "../\u001b]0;owned\u0007\u001b[2J\r\n\u202etxt";
    const error = await unpack(temp.path, [[evil(name)]]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RunnerError);
    expect(String(error)).toContain('"../\\x1b]0;owned\\x07\\x1b[2J\\x0d\\x0a\\u202etxt"');
    expect(String(error)).toContain("layer 1 of 1");
  });

  test("a long name is cut in the refusal", async () => {
    using temp = tempDir();
    const error = await unpack(temp.path, [
      [evil("x", { longName: `../${"n".repeat(250)}` })],
    ]).catch((reason: unknown) => reason);
    expect(String(error).length).toBeLessThan(400);
  });
});

const MEBIBYTE = 1024 ** 2;

describe("archives that want too much", () => {
  const endless = (type: string): LayerLike => [{ name: "x", type, size: 100 * MEBIBYTE }];
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => file(`f${index}`, ""));

  for (const [title, layers, limits, setting] of [
    ["a PAX header of 100 MB", [endless("x")], {}, "MAX_RECORD_BYTES"],
    ["a global PAX header of 100 MB", [endless("g")], {}, "MAX_RECORD_BYTES"],
    ["a GNU long name of 100 MB", [endless("L")], {}, "MAX_RECORD_BYTES"],
    ["a GNU long link of 100 MB", [endless("K")], {}, "MAX_RECORD_BYTES"],
    [
      "a file that announces more than may be unpacked",
      [[file("f", "", { size: 17 * 1024 ** 3 })]],
      {},
      "MAX_UNPACKED_BYTES",
    ],
    [
      "a path of 257 directories",
      [[file("f", "f", { longName: "d/".repeat(257) })]],
      {},
      "MAX_DEPTH",
    ],
    [
      "a path of 10,000 directories",
      [[file("f", "f", { longName: "d/".repeat(10_000) })]],
      {},
      "MAX_PATH_BYTES",
    ],
    ["more layers than may be", [[], [], []], { layers: 2 }, "MAX_LAYERS"],
    ["more files than may be", [many(60), many(60)], { entries: 100 }, "MAX_ENTRIES"],
    [
      "more implied directories than may be",
      [Array.from({ length: 60 }, (_, i) => file(`${i}/a/b`))],
      { entries: 100 },
      "MAX_ENTRIES",
    ],
    [
      "more long names than fit in memory",
      [
        Array.from({ length: 20 }, (_, i) =>
          file("f", "", { longName: `${"d/".repeat(200)}${i}` }),
        ),
      ],
      { entries: 50 },
      "MAX_ENTRIES",
    ],
    [
      "more long links than fit in memory",
      [
        Array.from({ length: 20 }, (_, i) => ({
          ...symlink(`l${i}`, "x"),
          longLink: "t".repeat(400),
        })),
      ],
      { entries: 50 },
      "MAX_ENTRIES",
    ],
    [
      "more bytes than may be, over several layers",
      [[file("a", "x".repeat(600))], [file("b", "x".repeat(600))]],
      { unpackedBytes: 4096 },
      "MAX_UNPACKED_BYTES",
    ],
    [
      "depth behind a link",
      [
        [
          file("f", "f", { longName: `${"d/".repeat(200)}f` }),
          { ...symlink("l", "x"), longLink: "d/".repeat(200) },
          file("g", "g", { longName: `l/${"e/".repeat(100)}g` }),
        ],
      ],
      {},
      "MAX_DEPTH",
    ],
  ] as const) {
    test(`${title} ends at ${setting}`, async () => {
      using temp = tempDir();
      const error = await unpack(temp.path, layers, limits).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", stage: "extract" });
      expect(String(error)).toContain(setting);
      expect(readdirSync(temp.path)).toEqual([]);
    });
  }

  for (const compression of ["gzip", "zstd"] as const) {
    test(`a ${compression} bomb of zeros ends at MAX_RATIO`, async () => {
      using temp = tempDir();
      const header = rawTar([{ name: "zeros", size: 512 * MEBIBYTE }], { zeroBlocks: 0 });
      const plain = Buffer.concat([header, Buffer.alloc(256 * MEBIBYTE)]);
      const bomb = blobLayer(compress(plain, compression), plain);
      const error = await unpack(temp.path, [bomb]).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "LIMIT_EXCEEDED" });
      expect(String(error)).toContain("MAX_RATIO");
      expect(readdirSync(temp.path)).toEqual([]);
    });
  }

  test("padding after the archive's end counts as well (CVE-2017-14992)", async () => {
    using temp = tempDir();
    const plain = rawTar([file("f")], { trailing: Buffer.alloc(2 * MEBIBYTE) });
    const error = await unpack(temp.path, [plain], { unpackedBytes: MEBIBYTE }).catch(
      (reason: unknown) => reason,
    );
    expect(String(error)).toContain("MAX_UNPACKED_BYTES");
  });

  test("implied directories are counted before they are made, not when the layer has been read", async () => {
    const deep = Array.from({ length: 3 }, (_, i) => file(`${i}/${"d/".repeat(40)}f`));
    const layer = Buffer.concat([rawTar(deep, { zeroBlocks: 0 }), Buffer.alloc(512, "no header")]);
    const error = await refusalOf([layer], { entries: 100 });
    expect(error.code).toBe("LIMIT_EXCEEDED");
  });

  test("many paths through long links end, though each of them is short enough", async () => {
    const links = [{ ...symlink("l", "x"), longLink: `${"./".repeat(2000)}d` }, file("d/t")];
    const names = Array.from({ length: 30_000 }, () => hardlink("l/x", "l/t"));
    const error = await refusalOf([[...links, ...names]]);
    expect(error.code).toBe("LAYER_CORRUPT");
    expect(error.message).toContain("too many symbolic links");
  }, 30_000);

  test("walks through many links end, however long their targets are", async () => {
    using temp = tempDir();
    const target = (next: number) => `${"./x/../".repeat(560)}l${next}`;
    const links = Array.from({ length: 200 }, (_, index) => ({
      ...symlink(`l${index}`, "x"),
      longLink: target(index + 1),
    }));
    const error = await unpack(temp.path, [[dir("x"), ...links, file("l0/f")]]).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: "LAYER_CORRUPT" });
  });
});

function canaryState(parent: string) {
  const { mode, mtimeMs, ino, nlink, size } = lstatSync(`${parent}/outside/canary`);
  const outside = lstatSync(`${parent}/outside`);
  return {
    content: readFileSync(`${parent}/outside/canary`, "utf8"),
    canary: { mode, mtimeMs, ino, nlink, size },
    outside: {
      mode: outside.mode,
      mtimeMs: outside.mtimeMs,
      names: readdirSync(`${parent}/outside`),
    },
    beside: [readdirSync(parent), readdirSync(`${parent}/work`)],
  };
}
