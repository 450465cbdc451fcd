// Whiteouts and opaque directories. The numbers are those of the case list.

import { describe, expect, test } from "bun:test";
import { lstatSync } from "node:fs";
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

const WHITEOUTS: readonly Case[] = [
  [
    "W1 a whiteout removes a file of a lower layer and is not seen itself",
    [[dir("d"), file("d/f"), file("d/g")], [whiteout("d/.wh.f")]],
    { d: "dir", "d/g": "file d/g" },
  ],
  [
    "W1 a whiteout removes a whole directory",
    [[dir("d"), dir("d/e"), file("d/e/f")], [whiteout(".wh.d")]],
    {},
  ],
  ["W1 a whiteout removes a link", [[symlink("l", "/x")], [whiteout(".wh.l")]], {}],
  [
    "W2 a file added after its whiteout stays",
    [[file("f", "old")], [whiteout(".wh.f"), file("f", "new")]],
    { f: "file new" },
  ],
  [
    "W2 a file added before its whiteout stays",
    [[file("f", "old")], [file("f", "new"), whiteout(".wh.f")]],
    { f: "file new" },
  ],
  [
    "W2 a directory added after its whiteout holds only new files",
    [
      [dir("d"), file("d/old")],
      [whiteout(".wh.d"), dir("d"), file("d/new")],
    ],
    { d: "dir", "d/new": "file d/new" },
  ],
  [
    "W2 a directory added before its whiteout holds only new files",
    [
      [dir("d"), file("d/old")],
      [dir("d"), file("d/new"), whiteout(".wh.d")],
    ],
    { d: "dir", "d/new": "file d/new" },
  ],
  [
    "W2 a path implied below a link that is whited out is a new directory",
    [
      [dir("usr"), symlink("lib", "usr")],
      [whiteout(".wh.lib"), file("lib/x")],
    ],
    { usr: "dir", lib: "dir", "lib/x": "file lib/x" },
  ],
  [
    "W5 a whiteout of a missing path does nothing",
    [[file("f")], [whiteout("no/.wh.x")]],
    { f: "file f" },
  ],
  [
    "W5 a whiteout below a dangling link does nothing",
    [[symlink("l", "/dne")], [whiteout("l/.wh.x")]],
    { l: "link /dne" },
  ],
  [
    "W5 a whiteout below a file does nothing",
    [[file("f")], [whiteout("f/.wh.x")]],
    { f: "file f" },
  ],
  [
    "W6 a whiteout of a link leaves its target",
    [[file("t"), symlink("l", "t")], [whiteout(".wh.l")]],
    { t: "file t" },
  ],
  [
    "W7 a whiteout below a link to a directory removes the file behind it",
    [[dir("etc"), file("etc/x"), symlink("localetc", "/etc")], [whiteout("localetc/.wh.x")]],
    { etc: "dir", localetc: "link /etc" },
  ],
  [
    "W7 a directory in place of a link hides nothing behind the link",
    [
      [dir("usr"), dir("usr/lib"), file("usr/lib/x"), symlink("lib", "usr/lib")],
      [whiteout("lib/.wh.x"), dir("lib")],
    ],
    { usr: "dir", "usr/lib": "dir", "usr/lib/x": "file usr/lib/x", lib: "dir" },
  ],
  [
    "W8 a directory may be named like a whiteout",
    [[dir("etc")], [file(".wh.etc/f")]],
    { etc: "dir", ".wh.etc": "dir", ".wh.etc/f": "file .wh.etc/f" },
  ],
  ["W9 a whiteout's path is cleaned first", [[dir("etc")], [whiteout("dne/../.wh.etc")]], {}],
  [
    "W10 the prefix is exactly four bytes, so hidden files have whiteouts too",
    [[file(".bashrc"), file("bashrc")], [whiteout(".wh..bashrc")]],
    { bashrc: "file bashrc" },
  ],
  [
    "W11 a whiteout is one by its name, whatever its type and content",
    [
      [file("a"), file("b"), file("c")],
      [file(".wh.a", "content"), dir(".wh.b"), symlink(".wh.c", "/x")],
    ],
    {},
  ],
  [
    "W13 a directory that is removed and comes back later has nothing of before",
    [[dir("d"), file("d/old")], [whiteout(".wh.d")], [dir("d"), file("d/new")]],
    { d: "dir", "d/new": "file d/new" },
  ],
  [
    "W14 what AUFS left behind is skipped, but links into it are files",
    [
      [
        dir(".wh..wh.plnk"),
        file(".wh..wh.plnk/1.2", "shared"),
        file(".wh..wh.aufs"),
        dir(".wh..wh.orph"),
        hardlink("a", ".wh..wh.plnk/1.2"),
        hardlink("b", "/.wh..wh.plnk/1.2"),
      ],
    ],
    { a: "file shared", b: "file shared" },
  ],
];

const OPAQUE: readonly Case[] = [
  [
    "O1 an opaque directory hides all that lower layers have in it, and stays",
    [[dir("d"), file("d/a"), dir("d/e"), file("d/e/b"), file("f")], [whiteout("d/.wh..wh..opq")]],
    { d: "dir", f: "file f" },
  ],
  [
    "O2 the marker hides nothing of its own layer when it comes last",
    [
      [dir("d"), file("d/a")],
      [file("d/b"), whiteout("d/.wh..wh..opq")],
    ],
    { d: "dir", "d/b": "file d/b" },
  ],
  [
    "O2 the marker hides nothing of its own layer when it comes first",
    [
      [dir("d"), file("d/a")],
      [whiteout("d/.wh..wh..opq"), file("d/b")],
    ],
    { d: "dir", "d/b": "file d/b" },
  ],
  [
    "O3 directories between the marker and a new file need no entry",
    [
      [dir("some"), dir("some/dir"), file("some/dir/old")],
      [file("some/dir/x"), whiteout("some/.wh..wh..opq")],
    ],
    { some: "dir", "some/dir": "dir", "some/dir/x": "file some/dir/x" },
  ],
  [
    "O4 an opaque root hides all lower layers",
    [
      [dir("d"), file("d/a"), file("f")],
      [whiteout(".wh..wh..opq"), file("g")],
    ],
    { g: "file g" },
  ],
  [
    "O5 an opaque directory that is nowhere does nothing",
    [[file("f")], [whiteout("d/.wh..wh..opq")]],
    { f: "file f" },
  ],
  [
    "O5 an opaque directory that is new has only its own files",
    [[file("f")], [whiteout("d/.wh..wh..opq"), dir("d"), file("d/x")]],
    { d: "dir", "d/x": "file d/x", f: "file f" },
  ],
  [
    "O6 an opaque marker below a link speaks of the directory behind it",
    [[dir("etc"), file("etc/x"), symlink("l", "/etc")], [whiteout("l/.wh..wh..opq")]],
    { etc: "dir", l: "link /etc" },
  ],
  [
    "O6 an opaque directory in place of a link hides nothing behind the link",
    [
      [dir("usr"), dir("usr/lib"), file("usr/lib/x"), symlink("lib", "usr/lib")],
      [whiteout("lib/.wh..wh..opq"), dir("lib"), file("lib/y")],
    ],
    {
      usr: "dir",
      "usr/lib": "dir",
      "usr/lib/x": "file usr/lib/x",
      lib: "dir",
      "lib/y": "file lib/y",
    },
  ],
];

describe("whiteouts", () => {
  test("W1 a whiteout may hide a name of 255 bytes", async () => {
    const name = "n".repeat(255);
    const marker = { ...whiteout("x"), longName: `.wh.${name}` };
    expect(await treeOf([[{ ...file("x"), longName: name }], [marker]])).toEqual({});
  });

  for (const [title, layers, expected] of WHITEOUTS) {
    test(title, async () => expect(await treeOf(layers)).toEqual(expected));
  }

  for (const [number, name] of [
    ["W3", ".wh."],
    ["W3", "d/.wh."],
    ["W4", ".wh.."],
    ["W4", ".wh..."],
    ["W4", "d/.wh.."],
    ["W4", "d/.wh..."],
  ] as const) {
    test(`${number} the whiteout ${name} names no file and is refused`, async () => {
      const error = await refusalOf([[dir("d"), file("d/f")], [whiteout(name)]]);
      expect(error).toMatchObject({ code: "LAYER_UNSAFE" });
      expect(error.message).toContain(`"${name}"`);
    });
  }

  test("W12 the directory of a whiteout keeps its mode and times", async () => {
    using temp = tempDir();
    const lower = [dir("d", { mode: 0o700, mtime: 1_000_000 }), file("d/f")];
    const { root } = await unpack(temp.path, [lower, [whiteout("d/.wh.f")]]);
    const stats = lstatSync(`${root}/d`);
    expect([stats.mode & 0o7777, stats.mtimeMs]).toEqual([0o700, 1_000_000_000]);
  });
});

describe("opaque directories", () => {
  for (const [title, layers, expected] of OPAQUE) {
    test(title, async () => expect(await treeOf(layers)).toEqual(expected));
  }
});
