// Archives on disk: layouts and what `docker save` writes, plain and compressed, and what a hostile archive may not do.

import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Member } from "../../../src/archive/member.ts";
import { TarReader } from "../../../src/archive/tar.ts";
import { RunnerError } from "../../../src/errors.ts";
import { Budget, DEFAULT_LIMITS } from "../../../src/layers/limits.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { indexArchive } from "../../../src/registry/disk/archive-index.ts";
import type { DiskImageOptions } from "../../../src/registry/disk/open-image.ts";
import {
  archiveOf,
  blobName,
  type Files,
  layoutFiles,
  savedFiles,
} from "../../support/disk-image.ts";
import { expectRefused } from "../../support/expect-refused.ts";
import { buildImage } from "../../support/image-builder.ts";
import { rawTar, type RawEntry } from "../../support/raw-tar.ts";
import { tarArchive } from "../../support/tar-archive.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { Inputs } from "../../layers/fuzz/input.ts";
import { optionsFor, pullAll } from "./pull-all.ts";
import { mkfifoSync, openDescriptors, untilOpen } from "./system-calls.ts";

const LOW = tarArchive([{ path: "low", content: "l".repeat(1_500_000) }]);
const HIGH = tarArchive([{ path: "high" }]);
const ONE = buildImage({
  layers: [LOW, HIGH],
  config: { Cmd: ["one"] },
  compression: "none",
});
const TWO = buildImage({ layers: [[{ path: "two" }]] });
const [LOW_ID, HIGH_ID] = [digestOf(LOW), digestOf(HIGH)];

type Kind = "oci-archive" | "docker-archive";

const work = tempDir();
afterAll(() => work[Symbol.dispose]());

/** Pulls from an archive of these bytes. */
async function pull(
  kind: Kind,
  archive: Uint8Array,
  { tag, ...options }: Partial<DiskImageOptions> & { readonly tag?: string } = {},
) {
  using directory = tempDir();
  const path = directory.file("image.tar");
  writeFileSync(path, archive);
  const before = openDescriptors();
  try {
    const name = { kind, path, ...(tag === undefined ? {} : { tag }) };
    return await pullAll(name, optionsFor(work.path, options));
  } finally {
    await untilOpen(before);
    expect(readdirSync(work.path)).toEqual([]);
  }
}

describe("an archive of a layout", () => {
  const archive = archiveOf(layoutFiles({ image: ONE, name: "1.0" }, { image: TWO, name: "2.0" }));
  const dotted = (files: Files) =>
    Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`./${name}`, bytes]));

  test.each<[string, Kind, Uint8Array]>([
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
    const pulled = await pull(kind, bytes, { tag: "1.0" });
    expect(pulled).toMatchObject({ digest: ONE.root.digest, config: { config: { Cmd: ["one"] } } });
    expect(pulled.layers).toEqual(ONE.layers.map((digest) => ONE.blobs.get(digest)) as never);
  });
});

describe("what docker save once wrote", () => {
  const saved = savedFiles(
    {
      layers: [LOW, HIGH],
      names: ["busybox:1.36", "docker.io/library/bb:x"],
      config: { Cmd: ["a"] },
    },
    { layers: [LOW], names: ["ghcr.io/org/low:2.0"], config: { Cmd: ["b"] } },
  );

  test.each<[string, string, string, readonly Uint8Array[]]>([
    ["by its name", "busybox:1.36", "a", [LOW, HIGH]],
    ["by its whole name", "docker.io/library/busybox:1.36", "a", [LOW, HIGH]],
    ["by its tag alone", "2.0", "b", [LOW]],
  ])("gives an image %s", async (_, tag, command, layers) => {
    const pulled = await pull("docker-archive", archiveOf(saved), { tag });
    expect(pulled).toMatchObject({ config: { config: { Cmd: [command] } } });
    expect(pulled.layers).toEqual(layers.map((layer) => Buffer.from(layer)) as never);
  });

  test("has a digest that depends on the image only", async () => {
    const image = { layers: [LOW], names: ["a:1"] };
    const one = await pull("docker-archive", archiveOf(savedFiles(image)));
    const other = await pull(
      "docker-archive",
      gzipSync(archiveOf(savedFiles(image, { layers: [HIGH], names: ["b:1"] }))),
      { tag: "a:1" },
    );
    expect(other.digest).toBe(one.digest as string);
    expect(
      (await pull("docker-archive", archiveOf(savedFiles({ layers: [HIGH] })))).digest,
    ).not.toBe(one.digest);
  });

  test.each([
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ])("may have layers compressed with %s, as crane writes them", async (_, compress) => {
    const layers = [Buffer.from(compress(LOW)), HIGH];
    const files = savedFiles({ layers, diffIds: [LOW_ID, HIGH_ID] });
    expect((await pull("docker-archive", archiveOf(files))).layers).toEqual(
      layers.map((layer) => Buffer.from(layer)) as never,
    );
  });

  test("may have links for layers that several images share", async () => {
    const names = ["config.json", "a/layer.tar", "b/layer.tar", "c/layer.tar"] as const;
    const [Config, ...Layers] = names;
    const diffs = [LOW_ID, LOW_ID, LOW_ID];
    const config = {
      os: "linux",
      architecture: "amd64",
      rootfs: { type: "layers", diff_ids: diffs },
    };
    const archive = rawTar([
      { name: "manifest.json", body: JSON.stringify([{ Config, RepoTags: null, Layers }]) },
      { name: Config, body: JSON.stringify(config) },
      { name: "a/layer.tar", type: "2", link: "../b/layer.tar" },
      { name: "b/layer.tar", body: LOW },
      { name: "c/layer.tar", type: "1", link: "a/layer.tar" },
    ]);
    const { layers } = await pull("docker-archive", archive);
    expect(layers).toEqual([LOW, LOW, LOW].map((layer) => Buffer.from(layer)) as never);
  });

  test.each<[string, Files, string, string]>([
    [
      "no manifest.json",
      { repositories: "{}" },
      "IMAGE_UNSUPPORTED",
      "neither a manifest.json nor",
    ],
    ["a manifest.json that is no list", { "manifest.json": "{}" }, "IMAGE_INVALID", "is not valid"],
    [
      "a missing config",
      { "manifest.json": '[{"Config":"gone.json","Layers":[]}]' },
      "IMAGE_INVALID",
      "has no file gone.json, which its manifest.json names",
    ],
    [
      "a config with another content than its name says",
      {
        ...saved,
        "manifest.json": `[{"Config":"${"0".repeat(64)}.json"}]`,
        [`${"0".repeat(64)}.json`]: "{}",
      },
      "DIGEST_MISMATCH",
      "the config in the archive",
    ],
    [
      "fewer layers than the config knows",
      savedFiles({ layers: [LOW], diffIds: [LOW_ID, HIGH_ID] }),
      "IMAGE_INVALID",
      "has 1 layers, but the image's config knows 2",
    ],
    [
      "a config outside of the archive",
      { "manifest.json": '[{"Config":"../../etc/passwd","Layers":[]}]' },
      "IMAGE_INVALID",
      'the name "../../etc/passwd" leads out of it',
    ],
    ["another layer", savedFiles({ layers: [LOW], diffIds: [HIGH_ID] }), "", "a blob should be"],
    [
      "two images and no name",
      saved,
      "IMAGE_NOT_FOUND",
      "holds 2 images: busybox:1.36, ghcr.io/org",
    ],
  ])("is refused with %s", async (_, files, code, message) => {
    const pulling = pull("docker-archive", archiveOf(files));
    if (code === "") await expect(pulling).rejects.toThrow(message);
    else await expectRefused(pulling, code, message);
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
    await expectRefused(pull("oci-archive", archive), "IMAGE_INVALID", message);
  });

  test("is refused with more headers than any image needs", async () => {
    const block = rawTar([{ name: "d", type: "5" }], { zeroBlocks: 0 });
    const many = Buffer.concat([
      ...Array.from({ length: 33_000 }, () => block),
      Buffer.alloc(1024),
    ]);
    await expectRefused(pull("oci-archive", many), "IMAGE_INVALID", "too many members");
  });

  test("is refused with an extended header over the limit", async () => {
    const archive = withEntries({ name: "x", pax: { comment: "c".repeat(5_000) } });
    const limits = { recordBytes: 4096 };
    await expectRefused(
      pull("oci-archive", archive, { limits }),
      "LIMIT_EXCEEDED",
      "(MAX_RECORD_BYTES)",
    );
  });

  test.each([
    ["too many bytes", { unpackedBytes: 1_000_000 }, "LIMIT_EXCEEDED", "too many bytes"],
    ["more than the disk has room for", { diskBytes: 1_000_000 }, "DISK_FULL", "that are free"],
  ])("is refused when it decompresses to %s", async (_, limits, code, message) => {
    const createBudget = () => new Budget({ ...DEFAULT_LIMITS, ...limits });
    await expectRefused(pull("oci-archive", gzipSync(plain), { createBudget }), code, message);
  });

  test("is refused when it decompresses to far more than it holds", async () => {
    const bomb = gzipSync(Buffer.alloc(80 * 1024 ** 2));
    const createBudget = () => new Budget(DEFAULT_LIMITS);
    await expectRefused(
      pull("oci-archive", bomb, { createBudget }),
      "LIMIT_EXCEEDED",
      "the archive unpacks",
    );
  });
});

test("an archive from a disk that fills up is refused, and nothing of it stays", async () => {
  using directory = tempDir();
  const createBudget = () => ({
    spendBytes: () => {
      throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
    },
    judgeRatio: () => {},
  });
  writeFileSync(directory.file("a.tar.gz"), gzipSync(archiveOf(layoutFiles({ image: ONE }))));
  const name = { kind: "oci-archive", path: directory.file("a.tar.gz") } as const;
  await expectRefused(
    pullAll(name, optionsFor(work.path, { createBudget })),
    "DISK_FULL",
    "no room below",
  );
  expect(readdirSync(work.path)).toEqual([]);
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
      optionsFor(work.path),
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
