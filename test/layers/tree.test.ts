// Replaced types, symbolic links and hard links. The numbers are those of the case list.

import { describe, expect, test } from "bun:test";
import { lstatSync, readFileSync } from "node:fs";
import { tempDir } from "../support/temp-dir.ts";
import {
  type LayerLike,
  type Listing,
  dir,
  file,
  hardlink,
  refusalOf,
  symlink,
  treeOf,
  unpack,
  whiteout,
} from "./support.ts";

type Case = readonly [title: string, layers: readonly LayerLike[], expected: Listing];

const REPLACEMENTS: readonly Case[] = [
  [
    "T1 a directory over a directory keeps the children of both",
    [
      [dir("d"), file("d/a")],
      [dir("d"), file("d/b")],
    ],
    { d: "dir", "d/a": "file d/a", "d/b": "file d/b" },
  ],
  ["T2 a file over a file", [[file("f", "old")], [file("f", "new")]], { f: "file new" }],
  ["T2 a link over a file", [[file("f")], [symlink("f", "x")]], { f: "link x" }],
  [
    "T3 a file over a directory",
    [[dir("d"), file("d/f")], [file("d", "now a file")]],
    { d: "file now a file" },
  ],
  [
    "T3 a directory over a file",
    [[file("d")], [dir("d"), file("d/f")]],
    { d: "dir", "d/f": "file d/f" },
  ],
  [
    "T4 a directory over a link to a directory leaves what is behind the link",
    [
      [dir("t"), file("t/f"), symlink("l", "t")],
      [dir("l"), file("l/g")],
    ],
    { t: "dir", "t/f": "file t/f", l: "dir", "l/g": "file l/g" },
  ],
  [
    "T5 a link over a directory with content",
    [[dir("d"), file("d/f")], [symlink("d", "/e")]],
    { d: "link /e" },
  ],
  [
    "T6 a file over a link is not written through it",
    [[file("t", "target"), symlink("l", "t")], [file("l", "new")]],
    { t: "file target", l: "file new" },
  ],
  [
    "T7 a path below a file makes it a directory",
    [[file("nondir")], [file("nondir/foo/bar")]],
    { nondir: "dir", "nondir/foo": "dir", "nondir/foo/bar": "file nondir/foo/bar" },
  ],
  [
    "T7 a path below a file within one layer makes it a directory",
    [[file("nondir"), file("nondir/x")]],
    { nondir: "dir", "nondir/x": "file nondir/x" },
  ],
];

const SYMLINKS: readonly Case[] = [
  [
    "S1 targets are kept to the byte",
    [
      [
        symlink("absolute", "/etc/passwd"),
        symlink("surplus", "../../../usr/x"),
        symlink("dangling", "no/where"),
        symlink("dot", "."),
        symlink("slashes", "a//b/./"),
        { name: "bytes", type: "2", link: Buffer.from([0xff, 0xfe]) },
      ],
    ],
    {
      absolute: "link /etc/passwd",
      surplus: "link ../../../usr/x",
      dangling: "link no/where",
      dot: "link .",
      slashes: "link a//b/./",
      bytes: "link \u00ff\u00fe",
    },
  ],
  [
    "S2 a parent may be a link of a lower layer",
    [[dir("usr"), dir("usr/lib"), symlink("lib", "usr/lib")], [file("lib/x")]],
    { usr: "dir", "usr/lib": "dir", "usr/lib/x": "file lib/x", lib: "link usr/lib" },
  ],
  [
    "S2 an absolute target begins at the image's root",
    [[dir("run"), dir("var"), symlink("var/run", "/run"), file("var/run/x")]],
    { run: "dir", "run/x": "file var/run/x", var: "dir", "var/run": "link /run" },
  ],
  [
    "S2 the way up ends at the image's root",
    [[dir("a"), symlink("a/l", "../../../../b"), file("a/l/x")]],
    { a: "dir", "a/l": "link ../../../../b", b: "dir", "b/x": "file a/l/x" },
  ],
  [
    "S2 links may lead to links",
    [[dir("c"), symlink("b", "/c"), symlink("a", "b"), file("a/x")]],
    { a: "link b", b: "link /c", c: "dir", "c/x": "file a/x" },
  ],
  [
    "S3 the last name is never followed",
    [[file("t", "target"), symlink("l", "t")], [symlink("l", "u")]],
    { t: "file target", l: "link u" },
  ],
  [
    "S5 a dangling parent makes the directory that it names",
    [[symlink("localetc", "/dne"), file("localetc/x")]],
    { dne: "dir", "dne/x": "file localetc/x", localetc: "link /dne" },
  ],
  [
    "S5 a dangling way that turns back makes only where it ends",
    [[symlink("l", "dne/../e"), file("l/x")]],
    { e: "dir", "e/x": "file l/x", l: "link dne/../e" },
  ],
  [
    "S6 a directory that became a link leads the next member along the link",
    [[dir("a"), file("a/x"), dir("b"), symlink("a", "b"), file("a/y")]],
    { a: "link b", b: "dir", "b/y": "file a/y" },
  ],
  [
    "S6 a link that became a directory leads the next member into the directory",
    [[dir("b"), symlink("a", "b"), file("a/x"), dir("a"), file("a/y")]],
    { a: "dir", "a/y": "file a/y", b: "dir", "b/x": "file a/x" },
  ],
  [
    "S7 dots in a name are cleaned before links are followed",
    [[dir("a"), dir("c"), dir("c/d"), symlink("a/link", "/c/d"), file("a/link/../b")]],
    { a: "dir", "a/b": "file a/link/../b", "a/link": "link /c/d", c: "dir", "c/d": "dir" },
  ],
  [
    "S7 dots in a target are walked, not cleaned",
    [[dir("c"), dir("c/d"), symlink("s", "c/d"), symlink("l", "s/../e"), file("l/x")]],
    { c: "dir", "c/d": "dir", "c/e": "dir", "c/e/x": "file l/x", l: "link s/../e", s: "link c/d" },
  ],
];

const HARDLINKS: readonly Case[] = [
  [
    "H2 a target is a name from the root",
    [[dir("d"), file("f", "root"), file("d/f", "inner"), hardlink("d/l", "f")]],
    { d: "dir", "d/f": "file inner", "d/l": "file root", f: "file root" },
  ],
  [
    "H2 a target may begin with a slash or with dots",
    [[file("f"), hardlink("a", "/f"), hardlink("b", "../../../f"), hardlink("c", "./x/../f")]],
    { a: "file f", b: "file f", c: "file f", f: "file f" },
  ],
  [
    "H3 parents of a target may be links",
    [
      [dir("d"), file("d/f"), symlink("rel", "d"), symlink("abs", "/d"), symlink("out", "../../d")],
      [hardlink("a", "rel/f"), hardlink("b", "abs/f"), hardlink("c", "out/f")],
    ],
    {
      a: "file d/f",
      abs: "link /d",
      b: "file d/f",
      c: "file d/f",
      d: "dir",
      "d/f": "file d/f",
      out: "link ../../d",
      rel: "link d",
    },
  ],
  [
    "H4 a hard link to a link is another name of the link",
    [[file("f"), symlink("s", "f"), hardlink("l", "s")]],
    { f: "file f", l: "link f", s: "link f" },
  ],
  [
    "H5 a target may be in a lower layer",
    [[file("f")], [hardlink("l", "f")]],
    { f: "file f", l: "file f" },
  ],
  [
    "H6 a link keeps its content when its target is hidden later",
    [[file("f", "content"), hardlink("l", "f")], [whiteout(".wh.f")]],
    { l: "file content" },
  ],
  [
    "H7 a name that is written anew leaves the other names as they were",
    [[file("a", "old"), hardlink("b", "a"), hardlink("c", "a")], [file("a", "new")]],
    { a: "file new", b: "file old", c: "file old" },
  ],
  ["H11 a link to itself changes nothing", [[file("f"), hardlink("f", "./f")]], { f: "file f" }],
];

describe("replacements", () => {
  for (const [title, layers, expected] of REPLACEMENTS) {
    test(title, async () => expect(await treeOf(layers)).toEqual(expected));
  }

  test("T1 a directory over a directory brings its own mode and time", async () => {
    using temp = tempDir();
    const { root } = await unpack(temp.path, [
      [dir("d", { mode: 0o700, mtime: 5 })],
      [dir("d", { mode: 0o750, mtime: 9 })],
    ]);
    const stats = lstatSync(`${root}/d`);
    expect([stats.mode & 0o7777, stats.mtimeMs]).toEqual([0o750, 9000]);
  });

  test("T8 parents without an entry have mode 0755", async () => {
    using temp = tempDir();
    const { root } = await unpack(temp.path, [[file("a/b/c")]]);
    expect([`${root}/a`, `${root}/a/b`].map((path) => lstatSync(path).mode & 0o7777)).toEqual([
      0o755, 0o755,
    ]);
  });

  test("T9 a layer that adds a file leaves its parents' modes alone", async () => {
    using temp = tempDir();
    const { root } = await unpack(temp.path, [[dir("d", { mode: 0o1770 })], [file("d/x")]]);
    expect(lstatSync(`${root}/d`).mode & 0o7777).toBe(0o1770);
  });

  for (const name of ["./", ".", "/", "a/.."]) {
    test(`T10 a directory entry "${name}" gives the root its mode and time`, async () => {
      using temp = tempDir();
      const { root } = await unpack(temp.path, [
        [dir(name, { mode: 0o711, mtime: 77 }), file("f")],
      ]);
      const stats = lstatSync(root);
      expect([stats.mode & 0o7777, stats.mtimeMs]).toEqual([0o711, 77_000]);
    });
  }

  for (const type of ["0", "1", "2", "3", "6"]) {
    test(`T10 an entry of type ${type} for the root is refused`, async () => {
      const error = await refusalOf([[{ name: "./", type, link: "x" }]]);
      expect(error).toMatchObject({ code: "LAYER_UNSAFE" });
    });
  }
});

describe("symbolic links", () => {
  for (const [title, layers, expected] of SYMLINKS) {
    test(title, async () => expect(await treeOf(layers)).toEqual(expected));
  }

  for (const [title, links] of [
    ["itself", [symlink("a", "a")]],
    ["one another", [symlink("a", "/b"), symlink("b", "/a")]],
    ["a path below itself", [symlink("a", "a/b")]],
    ["a growing path", [symlink("a", "./././b/../a/x")]],
  ] as const) {
    test(`S4 a parent that is a link to ${title} is refused`, async () => {
      expect(await refusalOf([[...links, file("a/x")]])).toMatchObject({ code: "LAYER_CORRUPT" });
    });
  }

  test("S4 a link loop that nothing goes through is kept", async () => {
    expect(await treeOf([[symlink("a", "b"), symlink("b", "a")]])).toEqual({
      a: "link b",
      b: "link a",
    });
  });
});

describe("hard links", () => {
  for (const [title, layers, expected] of HARDLINKS) {
    test(title, async () => expect(await treeOf(layers)).toEqual(expected));
  }

  test("H1 all names of a file are one inode, across layers too", async () => {
    using temp = tempDir();
    const { root, report } = await unpack(temp.path, [
      [file("a", "four"), hardlink("d/b", "a")],
      [hardlink("c", "d/b")],
    ]);
    const inodes = ["a", "d/b", "c"].map((name) => lstatSync(`${root}/${name}`).ino);
    expect(new Set(inodes).size).toBe(1);
    expect(lstatSync(`${root}/a`).nlink).toBe(3);
    expect(report).toMatchObject({ entries: 4, bytes: 4 });
  });

  test("H4 a hard link to a link shares its inode", async () => {
    using temp = tempDir();
    const { root } = await unpack(temp.path, [[symlink("s", "x"), hardlink("l", "s")]]);
    expect(lstatSync(`${root}/l`).ino).toBe(lstatSync(`${root}/s`).ino);
  });

  test("H8 the mode and time of a hard link's own entry are not applied", async () => {
    using temp = tempDir();
    const { root } = await unpack(temp.path, [
      [
        file("a", "a", { mode: 0o600, mtime: 5 }),
        { name: "b", type: "1", link: "a", mode: 0o777, mtime: 9 },
      ],
    ]);
    const stats = lstatSync(`${root}/b`);
    expect([stats.mode & 0o7777, stats.mtimeMs]).toEqual([0o600, 5000]);
  });

  for (const [title, entries] of [
    ["H10 a target that is nowhere", [hardlink("l", "no")]],
    ["H10 a target that comes only later", [hardlink("l", "f"), file("f")]],
    ["H10 a target below a file", [file("f"), hardlink("l", "f/x")]],
    ["H11 itself, without being there", [hardlink("l", "l")]],
    ["H12 a directory", [dir("d"), hardlink("l", "d")]],
    ["H12 the root", [hardlink("l", "/")]],
    ["H12 an empty target", [hardlink("l", "")]],
    [
      "H12 a directory behind a link's parent",
      [dir("d"), dir("d/e"), symlink("s", "d"), hardlink("l", "s/e")],
    ],
    [
      "H13 content that its size does not announce",
      [file("f"), { ...hardlink("l", "f"), body: "x".repeat(512) }],
    ],
  ] as const) {
    test(`${title} is refused as what a hard link names or holds`, async () => {
      expect(await refusalOf([entries])).toMatchObject({ code: "LAYER_CORRUPT" });
    });
  }

  test("H11 a link to itself is reported", async () => {
    using temp = tempDir();
    const { report } = await unpack(temp.path, [[file("f"), hardlink("f", "f")]]);
    expect(report.unkept.filter(({ kind }) => kind !== "owner")).toEqual([
      { kind: "self-link", count: 1, examples: ["f"] },
    ]);
  });

  test("H13 content that a PAX size announces is passed over", async () => {
    const link = { ...hardlink("l", "f"), pax: { size: "3" }, body: "abc" };
    expect(await treeOf([[file("f"), link, file("g")]])).toEqual({
      f: "file f",
      g: "file g",
      l: "file f",
    });
  });

  test("H13 a plain size without content is an old habit and means nothing", async () => {
    expect(await treeOf([[file("f"), { ...hardlink("l", "f"), size: 600 }]])).toEqual({
      f: "file f",
      l: "file f",
    });
  });

  test("H14 links beyond what the filesystem allows become copies", async () => {
    using temp = tempDir();
    const links = Array.from({ length: 65_002 }, (_, index) => hardlink(`l${index}`, "f"));
    const target = file("f", "content", { mode: 0o640, mtime: 7 });
    const { root, report } = await unpack(temp.path, [[target, ...links]]);
    const last = lstatSync(`${root}/l65001`);
    expect([readFileSync(`${root}/l65001`, "utf8"), last.mode & 0o7777, last.mtimeMs]).toEqual([
      "content",
      0o640,
      7000,
    ]);
    // ext4 ends at 65,000 links; tmpfs and others know no end.
    const isReported = report.unkept.some(({ kind }) => kind === "hardlink");
    expect(isReported).toBe(last.nlink !== 65_003);
  }, 60_000);
});
