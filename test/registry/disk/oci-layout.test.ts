// OCI image layouts in a directory: which image is meant, and what a hostile directory may not do.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { digestOf } from "../../../src/oci/digest.ts";
import { openDiskImage } from "../../../src/registry/disk/open-image.ts";
import { blobName, layoutFiles, type Files, writeFiles } from "../../support/disk-image.ts";
import { expectRefused } from "../../support/expect-refused.ts";
import { buildImage, buildIndex } from "../../support/image-builder.ts";
import { type TempDir, tempDir } from "../../support/temp-dir.ts";
import { optionsFor, pullAll } from "./pull-all.ts";
import { mkfifoSync, openDescriptors, untilOpen } from "./system-calls.ts";

const ONE = buildImage({ layers: [[{ path: "one" }]], config: { Cmd: ["one"] } });
const TWO = buildImage({ layers: [[{ path: "two" }], [{ path: "three" }]], compression: "zstd" });
const FOREIGN = buildImage({ layers: [[{ path: "other" }]], platform: "linux/s390x" });
const INDEX = buildIndex([FOREIGN, ONE]);
const LARGE = Buffer.alloc(5_000_000, "x");
const CONTAINERD_NAME = "io.containerd.image.name";

const work = tempDir();
afterAll(() => work[Symbol.dispose]());

function layout(files: Files): TempDir {
  const directory = tempDir();
  writeFiles(directory.path, files);
  return directory;
}

function pull(directory: string, tag?: string) {
  const name = { kind: "oci" as const, path: directory, ...(tag === undefined ? {} : { tag }) };
  return pullAll(name, optionsFor(work.path));
}

describe("a layout", () => {
  const several = layoutFiles(
    { image: ONE, name: "1.0" },
    { image: TWO, name: "docker.io/library/two:2.0" },
    { image: INDEX, entry: { annotations: { [CONTAINERD_NAME]: "ghcr.io/org/all:3.0" } } },
  );

  test.each([
    ["the only image without a name", layoutFiles({ image: ONE }), undefined, ONE],
    [
      "the only image whatever it is called",
      layoutFiles({ image: ONE, name: "x" }),
      undefined,
      ONE,
    ],
    ["an image by its name", several, "1.0", ONE],
    ["an image by its whole name", several, "docker.io/library/two:2.0", TWO],
    ["an image by Docker's short name", several, "two:2.0", TWO],
    ["an image by its tag alone", several, "2.0", TWO],
    ["an image by its digest", several, TWO.root.digest, TWO],
    ["an image by containerd's name for it", several, "ghcr.io/org/all:3.0", INDEX],
    [
      "one image under two names",
      layoutFiles({ image: ONE, name: "a" }, { image: ONE, name: "b" }),
      undefined,
      ONE,
    ],
  ])("gives %s", async (_, files, tag, expected) => {
    using directory = layout(files);
    const pulled = await pull(directory.path, tag);
    expect(pulled.digest).toBe(expected.root.digest);
    const image = expected === INDEX ? ONE : expected;
    expect(pulled.layers).toEqual(image.layers.map((digest) => image.blobs.get(digest)) as never);
  });

  test("is itself the index where it only lists platforms", async () => {
    const platformOf = ({ platform }: { platform: string }) => {
      const [os, architecture] = platform.split("/");
      return { platform: { os, architecture } };
    };
    const entries = [FOREIGN, ONE].map((image) => ({ image, entry: platformOf(image) }));
    using directory = layout(layoutFiles(...entries));
    expect(await pull(directory.path)).toMatchObject({ config: { config: { Cmd: ["one"] } } });
  });

  test("may be reached through a symbolic link", async () => {
    using directory = layout(layoutFiles({ image: ONE }));
    using links = tempDir();
    symlinkSync(directory.path, links.file("link"));
    expect((await pull(links.file("link"))).digest).toBe(ONE.root.digest);
  });

  test("leaves no file open, whether it is read to the end or not", async () => {
    const files = { ...layoutFiles({ image: ONE }), [blobName(digestOf(LARGE))]: LARGE };
    using directory = layout(files);
    const before = openDescriptors();
    await pull(directory.path);
    const options = optionsFor(work.path);
    const registry = await openDiskImage({ kind: "oci", path: directory.path }, options);
    const large = { mediaType: "", digest: digestOf(LARGE), size: LARGE.length };
    const stream = await registry.blob(large);
    const reader = stream.getReader();
    await reader.read();
    await reader.cancel();
    await (await registry.blob(large)).cancel();
    registry.close();
    await untilOpen(before);
  });
});

describe("a name that fits no image, or several", () => {
  test.each([
    [
      "several images and no name",
      layoutFiles({ image: ONE, name: "1.0" }, { image: TWO, name: "2.0" }),
      undefined,
      "holds 2 images: 1.0, 2.0",
    ],
    [
      "a name that is not there",
      layoutFiles({ image: ONE, name: "1.0" }, { image: TWO, name: "2.0" }),
      "3.0",
      "holds no image called 3.0: 1.0, 2.0",
    ],
    [
      "two images of one name",
      layoutFiles({ image: ONE, name: "1.0" }, { image: TWO, name: "1.0" }),
      "1.0",
      "holds 2 images called 1.0: 1.0, 1.0",
    ],
    ["no image at all", layoutFiles(), undefined, "holds no image"],
    [
      "a name that repaints a terminal",
      layoutFiles({ image: ONE, name: "\u001b[2J" }, { image: TWO }),
      undefined,
      `holds 2 images: \\x1b[2J, ${TWO.root.digest}`,
    ],
  ])("%s", async (_, files, tag, message) => {
    using directory = layout(files);
    await expectRefused(pull(directory.path, tag), "IMAGE_NOT_FOUND", message);
  });
});

describe("a hostile or damaged layout", () => {
  const [layer = ONE.root.digest] = ONE.layers;
  const layerName = blobName(layer);
  const rootName = blobName(ONE.root.digest);
  const index = (entry: object) => layoutFiles({ image: ONE, entry: entry as never })["index.json"];
  type Damage = (directory: TempDir) => void;
  const put =
    (name: string, content: string | Uint8Array | undefined): Damage =>
    (directory) =>
      writeFileSync(directory.file(name), content ?? "");
  const linkTo =
    (name: string, target: string): Damage =>
    (directory) => {
      rmSync(directory.file(name), { recursive: true });
      symlinkSync(target, directory.file(name));
    };

  test.each<[string, Damage, string, string]>([
    ["no oci-layout", (d) => rmSync(d.file("oci-layout")), "IMAGE_INVALID", "no file oci-layout"],
    ["an oci-layout that is no JSON", put("oci-layout", "1.0"), "IMAGE_INVALID", "oci-layout in"],
    [
      "a layout of another version",
      put("oci-layout", '{"imageLayoutVersion":"2.0.0"}'),
      "IMAGE_UNSUPPORTED",
      "of version 2.0.0",
    ],
    ["no index.json", (d) => rmSync(d.file("index.json")), "IMAGE_INVALID", "no index.json"],
    [
      "a manifest for an index.json",
      put("index.json", ONE.root.bytes),
      "IMAGE_INVALID",
      "is no image index",
    ],
    [
      "an index.json of 100 MB",
      (d) => truncateSync(d.file("index.json"), 100_000_000),
      "LIMIT_EXCEEDED",
      "has 100000000 bytes, which is over the limit of 1048576 (MAX_MANIFEST_BYTES)",
    ],
    [
      "a digest with a path in it",
      put("index.json", index({ digest: "sha256:../../../../etc/passwd" })),
      "IMAGE_INVALID",
      "is not a sha256 or sha512 digest",
    ],
    [
      "a manifest of another size",
      put("index.json", index({ size: 7 })),
      "DIGEST_MISMATCH",
      "should have 7 bytes but has",
    ],
    [
      "a manifest with another content",
      put(rootName, "{}"),
      "DIGEST_MISMATCH",
      `should be ${ONE.root.digest}`,
    ],
    ["a missing manifest", (d) => rmSync(d.file(rootName)), "IMAGE_INVALID", "has no blob sha256:"],
    ["a missing layer", (d) => rmSync(d.file(layerName)), "IMAGE_INVALID", `no blob ${layer}`],
    ["no blobs", (d) => rmSync(d.file("blobs"), { recursive: true }), "IMAGE_INVALID", "no blob"],
    [
      "a layer that is a link",
      linkTo(layerName, "/dev/zero"),
      "IMAGE_INVALID",
      "is or lies behind a symbolic link",
    ],
    [
      "an index.json that is a link",
      linkTo("index.json", "/etc/passwd"),
      "IMAGE_INVALID",
      "is or lies behind a symbolic link",
    ],
    [
      "a link on the way to the blobs",
      (d) => {
        renameSync(d.file("blobs/sha256"), d.file("elsewhere"));
        symlinkSync("../elsewhere", d.file("blobs/sha256"));
      },
      "IMAGE_INVALID",
      "is or lies behind a symbolic link",
    ],
    [
      "a layer that is a FIFO",
      (d) => {
        rmSync(d.file(layerName));
        mkfifoSync(d.file(layerName));
      },
      "IMAGE_INVALID",
      "is no regular file",
    ],
    [
      "an index.json that is a directory",
      (d) => {
        rmSync(d.file("index.json"));
        mkdirSync(d.file("index.json"));
      },
      "IMAGE_INVALID",
      "is no regular file",
    ],
    [
      "a layer that is cut short",
      (d) => truncateSync(d.file(layerName), 9),
      "",
      "should be sha256",
    ],
    ["a layer with another content", put(layerName, "other"), "", "should be sha256"],
  ])("%s is refused", async (_, damage, code, message) => {
    using directory = layout(layoutFiles({ image: ONE, name: "1.0" }));
    damage(directory);
    const before = openDescriptors();
    if (code === "") await expect(pull(directory.path)).rejects.toThrow(message);
    else await expectRefused(pull(directory.path), code, message);
    await untilOpen(before);
  });
});

describe("a path that is no layout", () => {
  test.each([
    ["is not there", "nowhere", "IMAGE_NOT_FOUND", "nowhere does not exist"],
    ["is a file", "file", "REFERENCE_INVALID", "file is no directory: for an archive write oci-"],
  ])("%s", async (_, name, code, message) => {
    using directory = layout({ file: "" });
    await expectRefused(pull(directory.file(name)), code, message);
  });
});
