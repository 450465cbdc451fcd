// What `docker save` wrote before it wrote OCI image layouts, and what other programs write in its place.

import { describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { digestOf } from "../../../src/oci/digest.ts";
import { archiveOf, type Files, savedFiles } from "../../support/disk-image.ts";
import { expectRefused } from "../../support/expect-refused.ts";
import { hostPlatform } from "../../support/image-builder.ts";
import { rawTar } from "../../support/raw-tar.ts";
import { tarArchive } from "../../support/tar-archive.ts";
import { pullArchive } from "./pull-archive.ts";

const LOW = tarArchive([{ path: "low", content: "l".repeat(1_500_000) }]);
const HIGH = tarArchive([{ path: "high" }]);
const [LOW_ID, HIGH_ID] = [digestOf(LOW), digestOf(HIGH)];

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
    const pulled = await pullArchive("docker-archive", archiveOf(saved), { tag });
    expect(pulled).toMatchObject({ config: { config: { Cmd: [command] } } });
    expect(pulled.layers).toEqual(layers.map((layer) => Buffer.from(layer)) as never);
  });

  test("has a digest that depends on the image only", async () => {
    const image = { layers: [LOW], names: ["a:1"] };
    const one = await pullArchive("docker-archive", archiveOf(savedFiles(image)));
    const other = await pullArchive(
      "docker-archive",
      gzipSync(archiveOf(savedFiles(image, { layers: [HIGH], names: ["b:1"] }))),
      { tag: "a:1" },
    );
    expect(other.digest).toBe(one.digest as string);
    expect(
      (await pullArchive("docker-archive", archiveOf(savedFiles({ layers: [HIGH] })))).digest,
    ).not.toBe(one.digest);
  });

  test.each([
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ])("may have layers compressed with %s, as crane writes them", async (_, compress) => {
    const layers = [Buffer.from(compress(LOW)), HIGH];
    const files = savedFiles({ layers, diffIds: [LOW_ID, HIGH_ID] });
    expect((await pullArchive("docker-archive", archiveOf(files))).layers).toEqual(
      layers.map((layer) => Buffer.from(layer)) as never,
    );
  });

  test("is refused for too many layers before any of them is read", async () => {
    const layers = Array.from({ length: 101 }, () => Buffer.from(gzipSync(LOW)));
    const diffIds = layers.map(() => LOW_ID);
    const pulling = pullArchive("docker-archive", archiveOf(savedFiles({ layers, diffIds })));
    await expectRefused(pulling, "LIMIT_EXCEEDED", "101 layers");
  });

  test("may have links for layers that several images share", async () => {
    const names = ["config.json", "a/layer.tar", "b/layer.tar", "c/layer.tar"] as const;
    const [Config, ...Layers] = names;
    const diffs = [LOW_ID, LOW_ID, LOW_ID];
    const config = {
      os: "linux",
      architecture: hostPlatform().split("/")[1],
      rootfs: { type: "layers", diff_ids: diffs },
    };
    const archive = rawTar([
      { name: "manifest.json", body: JSON.stringify([{ Config, RepoTags: null, Layers }]) },
      { name: Config, body: JSON.stringify(config) },
      { name: "a/layer.tar", type: "2", link: "../b/layer.tar" },
      { name: "b/layer.tar", body: LOW },
      { name: "c/layer.tar", type: "1", link: "a/layer.tar" },
    ]);
    const { layers } = await pullArchive("docker-archive", archive);
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
    const pulling = pullArchive("docker-archive", archiveOf(files));
    if (code === "") await expect(pulling).rejects.toThrow(message);
    else await expectRefused(pulling, code, message);
  });
});
