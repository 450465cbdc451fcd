// Modes, times, owners, and what cannot be kept of them. The numbers are those of the case list.

import { describe, expect, test } from "bun:test";
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { type RawEntry, base256, paxRecord, rawTar } from "../support/raw-tar.ts";
import { unless } from "../support/requirements.ts";
import { tempDir } from "../support/temp-dir.ts";
import {
  IS_ROOT,
  runUnprivileged,
  unprivilegedProblem,
  dir,
  file,
  hardlink,
  refusalOf,
  symlink,
  unpack,
} from "./support.ts";

const me = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

async function statsOf(entries: readonly RawEntry[], name: string) {
  using temp = tempDir();
  const { root, report } = await unpack(temp.path, [entries]);
  const stats = lstatSync(`${root}/${name}`, { bigint: true, throwIfNoEntry: false });
  return {
    exists: stats !== undefined,
    mode: Number(stats?.mode ?? 0) & 0o7777,
    mtimeNs: stats?.mtimeNs,
    uid: Number(stats?.uid),
    unkept: report.unkept.filter(({ kind }) => kind !== "owner"),
  };
}

describe("modes and owners", () => {
  for (const mode of [0o644, 0o600, 0o755, 0o777, 0o400, 0o000, 0o1777]) {
    test(`M1 mode ${mode.toString(8)} is kept whatever the umask`, async () => {
      const previous = process.umask(0o077);
      try {
        expect(await statsOf([file("f", "f", { mode })], "f")).toMatchObject({ mode, unkept: [] });
        expect(await statsOf([dir("d", { mode })], "d")).toMatchObject({ mode, unkept: [] });
      } finally {
        process.umask(previous);
      }
    });
  }

  test("M2 M4 setuid and setgid are taken off files and reported", async () => {
    for (const mode of [0o4755, 0o2755, 0o6755]) {
      const stats = await statsOf([file("f", "f", { mode })], "f");
      expect(stats.mode).toBe(0o755);
      expect(stats.unkept).toEqual([{ kind: "setuid", count: 1, examples: ["f"] }]);
    }
  });

  test("M2 M3 files belong to whoever unpacks them, and other owners are reported", async () => {
    using temp = tempDir();
    const names = Array.from({ length: 8 }, (_, index) =>
      file(`f${index}`, "", { uid: 4242, gid: me.gid }),
    );
    const mine = file("mine", "", me);
    const { root, report } = await unpack(temp.path, [[dir(".", me), mine, ...names]]);
    expect(lstatSync(`${root}/f0`).uid).toBe(me.uid);
    expect(report.unkept).toEqual([
      { kind: "owner", count: 8, examples: ["f0", "f1", "f2", "f3", "f4"] },
    ]);
  });

  test("M18 names of users and groups mean nothing beside their numbers", async () => {
    using temp = tempDir();
    const named = file("f", "f", { ...me, raw: { 265: "nobody", 297: "nogroup" } });
    const { report } = await unpack(temp.path, [[dir(".", me), named]]);
    expect(report.unkept).toEqual([]);
  });

  test("X7 owners may be in base-256 or in PAX records", async () => {
    using temp = tempDir();
    const { report } = await unpack(temp.path, [
      [
        dir(".", me),
        file("gnu", "", { raw: { 108: base256(5_000_000_000, 8) } }),
        file("pax", "", { pax: { uid: "5000000000" } }),
      ],
    ]);
    expect(report.unkept).toEqual([{ kind: "owner", count: 2, examples: ["gnu", "pax"] }]);
  });
});

describe("directories that are closed", () => {
  const archive = rawTar([
    dir("closed", { mode: 0o000 }),
    file("closed/f"),
    dir("readonly", { mode: 0o555 }),
    dir("readonly/d", { mode: 0o300, mtime: 42 }),
    symlink("readonly/d/l", "x"),
    dir(".", { mode: 0o555 }),
    file("readonly/late"),
    symlink("closed/l", "x"),
    hardlink("second-name-of-l", "closed/l"),
  ]);

  unless(unprivilegedProblem)(
    "M5 M6 one without privileges can fill them, keep their modes, and remove them",
    async () => {
      using temp = tempDir();
      writeFileSync(temp.file("layer.tar"), archive);
      mkdirSync(temp.file("work"), 0o700);
      chmodSync(temp.path, 0o711);
      if (IS_ROOT) chownSync(temp.file("work"), 1000, 1000);
      const stdout = await runUnprivileged(
        "unpack-child.ts",
        temp.file("layer.tar"),
        temp.file("work"),
      );
      expect(JSON.parse(stdout)).toMatchObject({ entries: 8 });
      if (IS_ROOT) {
        const mode = (name: string) =>
          (lstatSync(temp.file("work/root", name)).mode & 0o777).toString(8);
        expect(["", "closed", "closed/f", "readonly", "readonly/d"].map(mode)).toEqual([
          "555",
          "0",
          "644",
          "555",
          "300",
        ]);
        expect(lstatSync(temp.file("work/root/readonly/d")).mtimeMs).toBe(42_000);
        expect(lstatSync(temp.file("work/root/closed/f")).uid).toBe(1000);
      }
      await runUnprivileged("remove-child.ts", temp.file("work/root"));
      expect(readdirSync(temp.file("work"))).toEqual([]);
    },
  );
});

describe("times", () => {
  for (const [title, entry, expected] of [
    [
      "M7 a PAX time is exact to the nanosecond",
      { pax: { mtime: "1700000000.123456789" } },
      1_700_000_000_123_456_789n,
    ],
    ["M7 a PAX time may have few decimals", { pax: { mtime: "5.5" } }, 5_500_000_000n],
    [
      "M7 a PAX time may have more decimals than count",
      { pax: { mtime: "5.1234567899" } },
      5_123_456_789n,
    ],
    ["M7 a PAX time may end in a point", { pax: { mtime: "5." } }, 5_000_000_000n],
    ["M7 a time may be before 1970", { pax: { mtime: "-1.25" } }, -1_250_000_000n],
    [
      "M7 a time before 1970 may be in base-256",
      { raw: { 136: base256(-86_400, 12) } },
      -86_400_000_000_000n,
    ],
    ["M7 a time may be after 2038", { mtime: 4_294_967_296 }, 4_294_967_296_000_000_000n],
    ["M10 time 0 is 1970", { mtime: 0 }, 0n],
    ["M10 no time is 1970", { raw: { 136: Buffer.alloc(12) } }, 0n],
  ] as const) {
    test(title, async () =>
      expect((await statsOf([file("f", "f", entry)], "f")).mtimeNs).toBe(expected),
    );
  }

  test("M7 a time that the filesystem cannot hold is its nearest", async () => {
    const { mtimeNs } = await statsOf([file("f", "f", { mtime: 8_589_934_591 * 1000 })], "f");
    expect(mtimeNs).toBeGreaterThan(4_000_000_000_000_000_000n);
  });

  test("M8 a directory's time is its own, whatever came into it later", async () => {
    using temp = tempDir();
    const { root } = await unpack(temp.path, [
      [
        dir("d", { mtime: 1000 }),
        file("d/f"),
        dir("d/e"),
        symlink("d/l", "f"),
        hardlink("d/h", "d/f"),
      ],
      [file("d/late"), file("d/e/late")],
    ]);
    expect(lstatSync(`${root}/d`).mtimeMs).toBe(1_000_000);
  });

  test("M9 a link has its own time, and leaves its target's alone", async () => {
    const entries = [file("f", "f", { mtime: 7 }), { ...symlink("l", "f"), mtime: 9 }];
    expect((await statsOf(entries, "l")).mtimeNs).toBe(9_000_000_000n);
    expect((await statsOf(entries, "f")).mtimeNs).toBe(7_000_000_000n);
  });
});

describe("what cannot be kept", () => {
  const xattr = (name: string) => file("f", "f", { pax: { [`SCHILY.xattr.${name}`]: "\u0001\0" } });
  for (const [number, name, kind] of [
    ["M11", "user.mime_type", "xattr"],
    ["M12", "trusted.x", "xattr"],
    ["M13", "security.selinux", "xattr"],
    ["M13", "security.ima", "xattr"],
    ["M14", "security.capability", "capability"],
    ["M16", "trusted.overlay.opaque", "xattr"],
    ["M16", "user.overlay.whiteout", "xattr"],
  ] as const) {
    test(`${number} the extended attribute ${name} is not set, and reported`, async () => {
      expect((await statsOf([xattr(name)], "f")).unkept).toEqual([
        { kind, count: 1, examples: ["f"] },
      ]);
    });
  }

  test("many extended attributes of one file are counted, and the file is named once", async () => {
    const names = Array.from({ length: 2000 }, (_, i) => `SCHILY.xattr.user.${i}`);
    const pax = Object.fromEntries(names.map((name) => [name, "1"]));
    expect((await statsOf([file("f", "f", { pax })], "f")).unkept).toEqual([
      { kind: "xattr", count: 2000, examples: ["f"] },
    ]);
  });

  test("M15 an extended attribute of a link is reported as well", async () => {
    const link = { ...symlink("l", "x"), pax: { "SCHILY.xattr.user.a": "b" } };
    expect((await statsOf([link], "l")).unkept).toEqual([
      { kind: "xattr", count: 1, examples: ["l"] },
    ]);
  });

  test("M17 records of other systems mean nothing", async () => {
    const pax = {
      "LIBARCHIVE.xattr.user.a": "AA==",
      "LIBARCHIVE.creationtime": "1",
      "MSWINDOWS.rawsd": "x",
      "MSWINDOWS.fileattr": "32",
    };
    expect((await statsOf([file("f", "f", { pax })], "f")).unkept).toEqual([]);
  });

  for (const type of ["3", "4"]) {
    test(`M19 a device of type ${type} is left out and reported`, async () => {
      const stats = await statsOf([{ name: "dev/x", type, major: 1, minor: 3 }], "dev/x");
      expect(stats.exists).toBe(false);
      expect(stats.unkept).toEqual([{ kind: "device", count: 1, examples: ["dev/x"] }]);
    });
  }

  test("M19 a device that a hard link names is an empty file that nobody may open", async () => {
    const entries = [{ name: "x", type: "3" }, hardlink("y", "x")];
    const stats = await statsOf(entries, "y");
    expect(stats).toMatchObject({ exists: true, mode: 0 });
    expect(stats.unkept).toEqual([{ kind: "device", count: 1, examples: ["x"] }]);
  });

  test("M19 a device hides what it replaces", async () => {
    using temp = tempDir();
    const { root } = await unpack(temp.path, [[file("x")], [{ name: "x", type: "3" }]]);
    expect(readdirSync(root)).toEqual([]);
  });

  test("M20 a named pipe is left out and reported", async () => {
    const stats = await statsOf([{ name: "p", type: "6" }], "p");
    expect(stats.exists).toBe(false);
    expect(stats.unkept).toEqual([{ kind: "fifo", count: 1, examples: ["p"] }]);
  });

  for (const offset of [329, 337]) {
    for (const value of [-1, 2 ** 32]) {
      test(`M21 the device number ${value} at ${offset} is refused`, async () => {
        const device = { name: "x", type: "3", raw: { [offset]: base256(value, 8) } };
        expect(await refusalOf([[device]])).toMatchObject({ code: "LAYER_CORRUPT" });
      });
    }
  }

  test("M22 there is no type for sockets, so one is refused like any unknown type", async () => {
    expect(await refusalOf([[{ name: "s", type: "s" }]])).toMatchObject({
      code: "LAYER_UNSUPPORTED",
    });
  });

  test("names in the report are safe to print", async () => {
    using temp = tempDir();
    const evil = { name: "x", type: "3", pax: paxRecord("path", "\u001b[2J\n\u202e") };
    const { report } = await unpack(temp.path, [[evil]]);
    expect(report.unkept[0]?.examples).toEqual(["\\x1b[2J\\x0a\\u202e"]);
  });
});
