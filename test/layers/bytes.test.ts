// A layer's bytes: compression, digests, sizes. The numbers are those of the case list.

import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { DEFAULT_LIMITS } from "../../src/layers/limits.ts";
import { type LayerReport, unpackLayers } from "../../src/layers/unpack.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { rawTar } from "../support/raw-tar.ts";
import { tempDir } from "../support/temp-dir.ts";
import {
  blobLayer,
  compress,
  dir,
  file,
  layerOf,
  refusalOf,
  streamOf,
  treeOf,
  unpack,
} from "./support.ts";

const PLAIN = rawTar([dir("d"), file("d/f", "content")]);
const TREE = { d: "dir", "d/f": "file content" };
const HALF = 700;
const SKIPPABLE = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

describe("compression", () => {
  for (const compression of ["none", "gzip", "zstd"] as const) {
    for (const mediaType of [
      "oci.image.layer.v1.tar",
      "oci.image.layer.v1.tar+gzip",
      "oci.image.layer.v1.tar+zstd",
      "docker.image.rootfs.diff.tar.gzip",
    ]) {
      test(`L1 bytes of compression "${compression}" are read as what they are under ${mediaType}`, async () => {
        const blob = compress(PLAIN, compression);
        const layer = blobLayer(blob, PLAIN, { mediaType: `application/vnd.${mediaType}` });
        expect(await treeOf([layer])).toEqual(TREE);
      });
    }
  }

  for (const [title, blob] of [
    [
      "L2 gzip of several members is all of them",
      Buffer.concat([gzipSync(PLAIN.subarray(0, HALF)), gzipSync(PLAIN.subarray(HALF))]),
    ],
    [
      "L2 gzip with empty members is the others",
      Buffer.concat([gzipSync(""), gzipSync(PLAIN), gzipSync("")]),
    ],
    [
      "L3 zstd of several frames is all of them",
      Buffer.concat([
        zstdCompressSync(PLAIN.subarray(0, HALF)),
        zstdCompressSync(PLAIN.subarray(HALF)),
      ]),
    ],
    ["L3 zstd may begin with a frame to skip", Buffer.concat([SKIPPABLE, zstdCompressSync(PLAIN)])],
    [
      "L3 zstd may have frames to skip anywhere",
      Buffer.concat([
        zstdCompressSync(PLAIN.subarray(0, HALF)),
        SKIPPABLE,
        zstdCompressSync(PLAIN.subarray(HALF)),
        SKIPPABLE,
      ]),
    ],
    [
      "L6 zeros after the last gzip member are padding",
      Buffer.concat([gzipSync(PLAIN), Buffer.alloc(4096)]),
    ],
  ] as const) {
    test(title, async () => {
      expect(await treeOf([blobLayer(blob, PLAIN)])).toEqual(TREE);
      for (const pieceBytes of [1, 7]) {
        expect(
          await treeOf([
            { ...blobLayer(blob, PLAIN), open: async () => streamOf(blob, pieceBytes) },
          ]),
        ).toEqual(TREE);
      }
    });
  }

  test("L4 a blob of zero bytes is an empty layer", async () => {
    expect(await treeOf([[file("f")], blobLayer(Buffer.alloc(0), Buffer.alloc(0))])).toEqual({
      f: "file f",
    });
  });

  test("L5 a gzip of zeros is an empty layer", async () => {
    const zeros = Buffer.alloc(1024);
    expect(await treeOf([blobLayer(gzipSync(zeros), zeros), [file("f")]])).toEqual({ f: "file f" });
  });

  for (const [title, blob] of [
    ["L7 junk after gzip", Buffer.concat([gzipSync(PLAIN), Buffer.from("junk")])],
    ["L7 junk after zstd", Buffer.concat([zstdCompressSync(PLAIN), Buffer.from("junk")])],
    ["L8 a gzip that is cut short", gzipSync(PLAIN).subarray(0, -9)],
    [
      "L8 a gzip with a wrong checksum",
      Buffer.concat([gzipSync(PLAIN).subarray(0, -8), Buffer.alloc(8)]),
    ],
    ["L8 a gzip that is only its magic", Buffer.from([0x1f, 0x8b])],
  ] as const) {
    test(`${title} is refused although the blob's digest is right`, async () => {
      expect(await refusalOf([blobLayer(blob, PLAIN)])).toMatchObject({
        code: "LAYER_CORRUPT",
        stage: "extract",
      });
    });
  }

  test("L8 a zstd that is cut short fails its diff_id", async () => {
    const long = rawTar([file("f", "x".repeat(300_000)), file("g")]);
    const blob = zstdCompressSync(long).subarray(0, -6);
    expect(await refusalOf([blobLayer(blob, long)])).toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  for (const [name, magic] of [
    ["bzip2", "BZh91AY&SY"],
    ["xz", "\xfd7zXZ\0\0\x04"],
  ] as const) {
    test(`L20 ${name} is refused by name`, async () => {
      const blob = Buffer.from(`${magic}${"x".repeat(600)}`, "latin1");
      const error = await refusalOf([blobLayer(blob, PLAIN)]);
      expect(error).toMatchObject({ code: "LAYER_UNSUPPORTED" });
      expect(error.message).toContain(name);
    });
  }

  test("L1 a plain archive whose first name begins like a compression's magic is plain", async () => {
    for (const name of ["BZh9.txt", "PK", "%!PS"]) {
      const plain = rawTar([file(name, "x")]);
      expect(await treeOf([blobLayer(plain, plain)])).toEqual({ [name]: "file x" });
    }
  });

  for (const mediaType of [
    "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
    "application/octet-stream",
    "text/\u001b[31m",
  ]) {
    test(`L21 the layer type ${JSON.stringify(mediaType)} is refused by name`, async () => {
      const error = await refusalOf([blobLayer(gzipSync(PLAIN), PLAIN, { mediaType })]);
      expect(error).toMatchObject({ code: "LAYER_UNSUPPORTED", stage: "extract" });
      expect(error.message).toContain(mediaType.replace("\u001b", "\\x1b"));
    });
  }
});

describe("digests", () => {
  const blob = gzipSync(PLAIN);
  const good = blobLayer(blob, PLAIN);
  const flipped = (at: number) => {
    const bytes = Buffer.from(blob);
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    return { ...good, open: async () => streamOf(bytes) };
  };
  const serving = (bytes: Uint8Array) => ({ ...good, open: async () => streamOf(bytes) });

  for (const [title, layer] of [
    ["L9 a blob that is longer than promised", serving(Buffer.concat([blob, Buffer.alloc(10)]))],
    ["L9 a blob that is shorter than promised", serving(blob.subarray(0, -10))],
    ["L9 an empty answer", serving(Buffer.alloc(0))],
    ["L10 a blob with a byte changed in its header", flipped(4)],
    ["L10 a blob with a byte changed in its data", flipped(40)],
    ["L10 a blob with a byte changed in its magic", flipped(0)],
    ["L10 a blob that is another one", serving(Buffer.alloc(blob.length, "not what was promised"))],
    [
      "L10 a blob that is hostile and not what was promised",
      serving(rawTar([file("../x")]).subarray(0, blob.length)),
    ],
    [
      "L10 padding that is not what was promised",
      {
        ...blobLayer(Buffer.concat([blob, Buffer.alloc(64)]), PLAIN),
        open: async () => streamOf(Buffer.concat([blob, Buffer.alloc(60), Buffer.from("junk")])),
      },
    ],
    ["L11 a diff_id of other bytes", { ...good, diffId: digestOf(Buffer.from("other")) }],
    [
      "L11 a diff_id without the padding at the end",
      { ...good, diffId: digestOf(PLAIN.subarray(0, -512)) },
    ],
  ] as const) {
    test(`${title} is refused`, async () => {
      expect(await refusalOf([[file("lower")], layer])).toMatchObject({
        code: "DIGEST_MISMATCH",
        stage: "extract",
      });
    });
  }

  test("L9 a blob that never ends is left after its promised size", async () => {
    let pulls = 0;
    let isCancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulls += 1;
        controller.enqueue(new Uint8Array(1024));
      },
      cancel() {
        isCancelled = true;
      },
    });
    expect(await refusalOf([{ ...good, open: async () => endless }])).toMatchObject({
      code: "DIGEST_MISMATCH",
    });
    expect({ isCancelled, isSoon: pulls < 10 }).toEqual({ isCancelled: true, isSoon: true });
  });

  test("L11 the diff_id covers what follows the archive's end", async () => {
    const padded = rawTar([file("f")], { trailing: Buffer.alloc(8192) });
    expect(await treeOf([blobLayer(gzipSync(padded), padded)])).toEqual({ f: "file f" });
  });

  test("L15 one layer twice is applied twice", async () => {
    const layer = layerOf([file("f", "first")]);
    expect(await treeOf([layer, [file("f", "second")], layer])).toEqual({ f: "file first" });
  });

  test("L16 no layers are an empty root", async () => {
    using temp = tempDir();
    const { root, report } = await unpack(temp.path, []);
    expect(readdirSync(root)).toEqual([]);
    expect(report).toEqual({ layers: [], entries: 0, bytes: 0, unkept: [] });
  });

  test("L17 sha512 counts as well", async () => {
    const strong = {
      ...blobLayer(blob, PLAIN, { digest: digestOf(blob, "sha512") }),
      diffId: digestOf(PLAIN, "sha512"),
    };
    expect(await treeOf([strong])).toEqual(TREE);
    const wrong = { ...strong, diffId: digestOf(Buffer.from("other"), "sha512") };
    expect(await refusalOf([wrong])).toMatchObject({ code: "DIGEST_MISMATCH" });
  });
});

describe("unpackLayers", () => {
  test("reports each layer as it is done, and all of them", async () => {
    using temp = tempDir();
    const seen: LayerReport[] = [];
    const layers = [layerOf([dir("d"), file("d/f", "content")]), layerOf([file("g", "more")])];
    const report = await unpackLayers(layers, temp.file("root"), {
      limits: DEFAULT_LIMITS,
      onLayer: (layer) => seen.push(layer),
    });
    expect(report).toMatchObject({ entries: 3, bytes: 11 });
    expect(seen).toEqual([...report.layers]);
    expect(seen).toMatchObject([
      {
        digest: layers[0]?.descriptor.digest,
        compression: "gzip",
        unpackedBytes: 2560,
        entries: 2,
      },
      {
        digest: layers[1]?.descriptor.digest,
        compression: "gzip",
        unpackedBytes: 2048,
        entries: 1,
      },
    ]);
  });

  test("an error of the source comes through as it is, and nothing is left", async () => {
    using temp = tempDir();
    const failure = new Error("the line was cut");
    const broken = new ReadableStream<Uint8Array>({
      start: (controller) => controller.error(failure),
    });
    const layer = { ...layerOf([file("f")]), open: async () => broken };
    const error = await unpack(temp.path, [[file("g")], layer]).catch((reason: unknown) => reason);
    expect(error).toBe(failure);
    expect(readdirSync(temp.path)).toEqual([]);
  });

  test("an error in the middle of the source comes through as it is", async () => {
    using temp = tempDir();
    const plain = rawTar([file("f", crypto.getRandomValues(new Uint8Array(60_000)))]);
    const blob = gzipSync(plain);
    const failure = new Error("the line was cut");
    let at = 0;
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at > 30_000) return controller.error(failure);
        controller.enqueue(blob.subarray(at, at + 1000));
        at += 1000;
      },
    });
    const layer = { ...blobLayer(blob, plain), open: async () => broken };
    expect(await unpack(temp.path, [layer]).catch((reason: unknown) => reason)).toBe(failure);
  });

  test("a root that exists is left alone", async () => {
    using temp = tempDir();
    await unpack(temp.path, [[file("f")]]);
    const error = await unpack(temp.path, [[file("g")]]).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "DESTINATION_UNUSABLE", stage: "extract" });
    expect(readdirSync(temp.file("root"))).toEqual(["f"]);
  });
});
