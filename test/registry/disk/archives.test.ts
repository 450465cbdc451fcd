// Archives on disk: layouts and what `docker save` writes, plain and compressed, and what a hostile archive may not do.

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Member } from "../../../src/archive/member.ts";
import { TarReader } from "../../../src/archive/tar.ts";
import { RunnerError } from "../../../src/errors.ts";
import { Budget, DEFAULT_LIMITS } from "../../../src/layers/limits.ts";
import { indexArchive } from "../../../src/registry/disk/archive-index.ts";
import { archiveOf, blobName, type Files, layoutFiles } from "../../support/disk-image.ts";
import { expectRefused } from "../../support/expect-refused.ts";
import { buildImage } from "../../support/image-builder.ts";
import { rawTar, type RawEntry } from "../../support/raw-tar.ts";
import { tarArchive } from "../../support/tar-archive.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { Inputs } from "../../layers/fuzz/input.ts";
import { optionsFor, pullAll } from "./pull-all.ts";
import { type ArchiveKind, pullArchive } from "./pull-archive.ts";
import { mkfifoSync } from "./system-calls.ts";

const LOW = tarArchive([{ path: "low", content: "l".repeat(1_500_000) }]);
const HIGH = tarArchive([{ path: "high" }]);
const ONE = buildImage({
  layers: [LOW, HIGH],
  config: { Cmd: ["one"] },
  compression: "none",
});
const TWO = buildImage({ layers: [[{ path: "two" }]] });

describe("an archive of a layout", () => {
  const archive = archiveOf(layoutFiles({ image: ONE, name: "1.0" }, { image: TWO, name: "2.0" }));
  const dotted = (files: Files) =>
    Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`./${name}`, bytes]));

  test.each<[string, ArchiveKind, Uint8Array]>([
    ["plain", "oci-archive", archive],
    ["compressed with gzip", "oci-archive", gzipSync(archive)],
    ["compressed with zstd", "oci-archive", zstdCompressSync(archive)],
    [
      "with names that begin with ./",
      "oci-archive",
      archiveOf(dotted(layoutFiles({ image: ONE, name: "1.0" }))),
    ],
    [
      "with a manifest.json of docker beside, which says less",
      "docker-archive",
      archiveOf({ ...layoutFiles({ image: ONE, name: "1.0" }), "manifest.json": "[]" }),
    ],
  ])("is read: %s", async (_, kind, bytes) => {
    const pulled = await pullArchive(kind, bytes, { tag: "1.0" });
    expect(pulled).toMatchObject({ digest: ONE.root.digest, config: { config: { Cmd: ["one"] } } });
    expect(pulled.layers).toEqual(ONE.layers.map((digest) => ONE.blobs.get(digest)) as never);
  });
});

describe("a hostile or damaged archive", () => {
  const files = layoutFiles({ image: ONE });
  const plain = archiveOf(files);
  const [layer = ONE.root.digest] = ONE.layers;
  const withEntries = (...entries: readonly RawEntry[]) =>
    Buffer.concat([plain.subarray(0, -1024), rawTar(entries)]);
  const linked = (...links: readonly RawEntry[]) => {
    const { [blobName(layer)]: _, ...rest } = files;
    return Buffer.concat([archiveOf(rest).subarray(0, -1024), rawTar(links)]);
  };
  const link = (link: string, type = "2"): RawEntry => ({
    name: "l",
    type,
    link,
    pax: { path: blobName(layer) },
  });

  test.each<[string, Uint8Array, string]>([
    [
      "a name that climbs out",
      withEntries({ name: "../../etc/passwd" }),
      'name "../../etc/passwd" leads out',
    ],
    [
      "a second index.json",
      withEntries({ name: "index.json", body: "{}" }),
      'two files of the name "index.json"',
    ],
    [
      "a second index.json under another spelling",
      withEntries({ name: "./x/..//index.json" }),
      "two files of the name",
    ],
    [
      "a link for a second index.json",
      withEntries({ name: "index.json", type: "2", link: "x" }),
      "two files of the name",
    ],
    [
      "a member longer than the file",
      withEntries({ name: "x", size: 4096 }),
      'ends in the middle of "x"',
    ],
    [
      "a member of 8 EiB",
      withEntries({ name: "x", raw: { 124: Buffer.from("80000000ffffffffffffffff", "hex") } }),
      "size",
    ],
    ["a wrong checksum", withEntries({ name: "x", checksum: "wrong" }), "checksum is wrong"],
    ["a sparse member", withEntries({ name: "x", type: "S" }), '"x" is a sparse file'],
    [
      "an end in a header",
      Buffer.concat([plain.subarray(0, -1024), plain.subarray(0, 200)]),
      "in the middle",
    ],
    ["an end in a layer", plain.subarray(0, 100_000), "in the middle of"],
    ["nothing in it", new Uint8Array(), "has no file oci-layout"],
    ["bytes that are no archive", Buffer.alloc(5_000, "x"), "checksum"],
    ["a layer that is a link out of it", linked(link("../../../../etc/passwd")), "leads out of it"],
    ["a layer that is a link to /", linked(link("/etc/passwd")), "leads out of it"],
    [
      "a layer that is a hard link out of it",
      linked(link("../etc/passwd", "1")),
      "leads out of it",
    ],
    ["a layer that is a link to itself", linked(link(layer.slice(7))), "never end"],
    [
      "a layer that is a device",
      linked({ ...link("", "3"), major: 1, minor: 5 }),
      `has no blob ${layer}`,
    ],
    ["a damaged gzip stream", gzipSync(plain).fill(0, 40, 90), "the compressed bytes are damaged"],
    ["half a gzip stream", gzipSync(plain).subarray(0, 400), "cannot be read"],
    ["a compression that is unknown", Buffer.from("BZh91AY&SY and more"), "compressed with bzip2"],
  ])("is refused with %s", async (_, archive, message) => {
    await expectRefused(pullArchive("oci-archive", archive), "IMAGE_INVALID", message);
  });

  test("is refused with more headers than any image needs", async () => {
    const block = rawTar([{ name: "d", type: "5" }], { zeroBlocks: 0 });
    const many = Buffer.concat([
      ...Array.from({ length: 33_000 }, () => block),
      Buffer.alloc(1024),
    ]);
    await expectRefused(pullArchive("oci-archive", many), "IMAGE_INVALID", "too many members");
  });

  test("is refused with an extended header over the limit", async () => {
    const archive = withEntries({ name: "x", pax: { comment: "c".repeat(5_000) } });
    const limits = { recordBytes: 4096 };
    await expectRefused(
      pullArchive("oci-archive", archive, { limits }),
      "LIMIT_EXCEEDED",
      "(MAX_RECORD_BYTES)",
    );
  });

  test.each([
    ["too many bytes", { unpackedBytes: 1_000_000 }, "LIMIT_EXCEEDED", "too many bytes"],
    ["more than the disk has room for", { diskBytes: 1_000_000 }, "DISK_FULL", "that are free"],
  ])("is refused when it decompresses to %s", async (_, limits, code, message) => {
    const createBudget = () => new Budget({ ...DEFAULT_LIMITS, ...limits });
    await expectRefused(
      pullArchive("oci-archive", gzipSync(plain), { createBudget }),
      code,
      message,
    );
  });

  test("is refused when it decompresses to far more than it holds", async () => {
    const bomb = gzipSync(Buffer.alloc(80 * 1024 ** 2));
    const createBudget = () => new Budget(DEFAULT_LIMITS);
    await expectRefused(
      pullArchive("oci-archive", bomb, { createBudget }),
      "LIMIT_EXCEEDED",
      "the archive unpacks",
    );
  });
});

test("an archive from a disk that fills up is refused, and nothing of it stays", async () => {
  const createBudget = () => ({
    spendBytes: () => {
      throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
    },
    judgeRatio: () => {},
  });
  const archive = gzipSync(archiveOf(layoutFiles({ image: ONE })));
  const pulling = pullArchive("oci-archive", archive, { createBudget });
  await expectRefused(pulling, "DISK_FULL", "no room below");
});

describe("a path that is no archive", () => {
  test.each([
    ["is not there", "nowhere", "IMAGE_NOT_FOUND", "nowhere does not exist"],
    [
      "is a directory",
      "",
      "REFERENCE_INVALID",
      "is a directory: for an OCI image layout write oci:/",
    ],
    ["is a FIFO", "fifo", "REFERENCE_INVALID", "is no regular file"],
    ["is below a file", "file/x", "IMAGE_NOT_FOUND", "cannot be opened (ENOTDIR)"],
  ])("%s", async (_, name, code, message) => {
    using directory = tempDir();
    writeFileSync(directory.file("file"), "");
    mkfifoSync(directory.file("fifo"));
    const pulling = pullAll(
      { kind: "docker-archive", path: directory.file(name) },
      optionsFor(directory.path),
    );
    await expectRefused(pulling, code, message);
  });
});

test("whatever is wrong with an archive, its files lie inside it or it is refused", async () => {
  using directory = tempDir();
  const path = directory.file("archive");
  const inputs = new Inputs(11);
  let found = 0;
  for (let number = 0; number < 1500; number += 1) {
    const input = inputs.input(number);
    writeFileSync(path, input);
    await using file = await open(path);
    try {
      const index = await indexArchive(file, input.length, DEFAULT_LIMITS);
      for (const name of namesIn(input)) {
        const { start, size } = index.find(name) ?? { start: 0, size: 0 };
        expect(start + size).toBeLessThanOrEqual(input.length);
        found += 1;
      }
    } catch (error) {
      expect(error).toBeInstanceOf(RunnerError);
    }
  }
  expect(found).toBeGreaterThan(100);
});

function namesIn(archive: Buffer): readonly string[] {
  const names: string[] = [];
  const member = ({ unsafeName }: Member) => void names.push(unsafeName);
  const reader = new TarReader({ member, content: () => {}, memberEnd: () => {} }, DEFAULT_LIMITS);
  reader.push(archive);
  return names;
}
