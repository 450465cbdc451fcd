import { describe, expect, test } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { parseManifest } from "../../src/oci/manifest.ts";
import { buildImage, buildIndex } from "../support/image-builder.ts";

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";
const DIGEST = digestOf(Buffer.from("x"));
const CONFIG = { mediaType: CONFIG_TYPE, digest: DIGEST, size: 1 };
const LAYER = { mediaType: LAYER_TYPE, digest: DIGEST, size: 1 };

describe("parseManifest reads", () => {
  for (const format of ["oci", "docker"] as const) {
    for (const compression of ["none", "gzip", "zstd"] as const) {
      test(`I1: a ${format} manifest with ${compression} layers`, () => {
        const image = buildImage({
          layers: [[{ path: "a" }], [{ path: "b" }]],
          format,
          compression,
        });
        const manifest = parseManifest(image.root.bytes);
        if (manifest.kind !== "manifest") throw new Error("not a manifest");
        expect(manifest.layers.map(({ digest }) => digest)).toEqual([...image.layers]);
        expect(image.blobs.has(manifest.config.digest)).toBe(true);
      });
    }
    test(`I1: a ${format} index with its platforms`, () => {
      const images = ["linux/amd64", "linux/arm64/v8"].map((platform) =>
        buildImage({ layers: [], platform, format }),
      );
      const index = parseManifest(buildIndex(images, { format, attestations: false }).root.bytes);
      if (index.kind !== "index") throw new Error("not an index");
      expect(index.manifests.map(({ digest, platform }) => ({ digest, platform }))).toEqual([
        {
          digest: images[0]?.root.digest as never,
          platform: { os: "linux", architecture: "amd64" },
        },
        {
          digest: images[1]?.root.digest as never,
          platform: { os: "linux", architecture: "arm64", variant: "v8" },
        },
      ]);
    });
  }

  test.each([
    ["I2: no mediaType, by its members", { schemaVersion: 2, config: CONFIG, layers: [LAYER] }],
    [
      "I2: a mediaType with parameters",
      { schemaVersion: 2, mediaType: `${OCI_MANIFEST}; charset=utf-8`, config: CONFIG, layers: [] },
    ],
    ["L16: no layers", { schemaVersion: 2, config: CONFIG, layers: [] }],
    [
      "I18: null for what is optional",
      {
        schemaVersion: 2,
        mediaType: null,
        artifactType: null,
        manifests: null,
        annotations: null,
        config: { ...CONFIG, urls: null, data: null, platform: null, annotations: null },
        layers: [],
      },
    ],
    [
      "I18: members that nobody knows",
      { schemaVersion: 2, config: { ...CONFIG, x: 1 }, layers: [], "org.example": [] },
    ],
  ])("%s", (_, document) => {
    expect(parse(document)).toMatchObject({ kind: "manifest", config: { digest: DIGEST } });
  });

  test("I10: an index without entries of unknown kinds, whatever these hold", () => {
    const entry = { mediaType: OCI_MANIFEST, digest: DIGEST, size: 1 };
    const document = {
      schemaVersion: 2,
      manifests: [{ mediaType: "application/x", digest: "?", size: "?" }, {}, entry],
    };
    expect(parse(document)).toEqual({ kind: "index", manifests: [entry] as never });
  });

  test("I9: an index inside an index", () => {
    const entry = { mediaType: OCI_INDEX, digest: DIGEST, size: 1 };
    expect(parse({ schemaVersion: 2, manifests: [entry] })).toMatchObject({ manifests: [entry] });
  });

  test("L18: data inside a descriptor, once it is what the descriptor says", () => {
    const config = { ...CONFIG, data: Buffer.from("x").toString("base64") };
    expect(parse({ schemaVersion: 2, config, layers: [] })).toMatchObject({
      config: { data: Buffer.from("x") },
    });
  });

  test("L17: sha512 digests", () => {
    const digest = digestOf(Buffer.from("x"), "sha512");
    const document = { schemaVersion: 2, config: { ...CONFIG, digest }, layers: [] };
    expect(parse(document)).toMatchObject({ config: { digest } });
  });

  test("L19: foreign layers with their addresses", () => {
    const layer = {
      ...LAYER,
      mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
      urls: ["https://example.com/layer"],
    };
    expect(parse({ schemaVersion: 2, config: CONFIG, layers: [layer] })).toMatchObject({
      layers: [layer],
    });
  });
});

describe("parseManifest refuses", () => {
  const manifest = { schemaVersion: 2, config: CONFIG, layers: [LAYER] };
  const empty = { ...CONFIG, mediaType: "application/vnd.oci.empty.v1+json" };
  const helm = { ...CONFIG, mediaType: "application/vnd.cncf.helm.config.v1+json" };
  const rows: [string, unknown, string, string][] = [
    [
      "a layer with more addresses than anybody needs",
      { ...manifest, layers: [{ ...LAYER, urls: Array(11).fill("https://example.com/layer") }] },
      "IMAGE_INVALID",
      "layers.0.urls: are more than 10",
    ],
    ["I3: manifests beside layers", { ...manifest, manifests: [] }, "IMAGE_INVALID", "ambiguous"],
    ["I3: fsLayers beside layers", { ...manifest, fsLayers: [] }, "IMAGE_INVALID", "ambiguous"],
    [
      "I2: a manifest that calls itself an index",
      { ...manifest, mediaType: OCI_INDEX },
      "IMAGE_INVALID",
      "calls itself an index but has the members of a manifest",
    ],
    [
      "I13: an empty config",
      { ...manifest, config: empty },
      "IMAGE_UNSUPPORTED",
      "not a container image",
    ],
    ["I13: a Helm chart", { ...manifest, config: helm }, "IMAGE_UNSUPPORTED", "a Helm chart"],
    [
      "I13: an artifactType",
      { ...manifest, artifactType: "application/x.y" },
      "IMAGE_UNSUPPORTED",
      "another kind of artifact (application/x.y)",
    ],
    [
      "I13: an attestation",
      { ...manifest, layers: [{ ...LAYER, mediaType: "application/vnd.in-toto+json" }] },
      "IMAGE_UNSUPPORTED",
      "a signature or an attestation",
    ],
    [
      "I13: a document of another type",
      { schemaVersion: 2, mediaType: "application/vnd.oci.artifact.manifest.v1+json", blobs: [] },
      "IMAGE_UNSUPPORTED",
      "application/vnd.oci.artifact.manifest.v1+json",
    ],
    [
      "I14: schema 1",
      { schemaVersion: 1, fsLayers: [], history: [] },
      "IMAGE_UNSUPPORTED",
      "schema 1",
    ],
    [
      "I14: signed schema 1",
      {
        schemaVersion: 1,
        mediaType: "application/vnd.docker.distribution.manifest.v1+prettyjws",
        fsLayers: [],
      },
      "IMAGE_UNSUPPORTED",
      "schema 1",
    ],
    ["another schemaVersion", { ...manifest, schemaVersion: 3 }, "IMAGE_INVALID", "schemaVersion"],
    ["I19: a negative size", withConfig({ size: -1 }), "IMAGE_INVALID", "config.size: is negative"],
    ["I19: half a byte", withConfig({ size: 1.5 }), "IMAGE_INVALID", "config.size"],
    ["I19: a size in words", withConfig({ size: "1" }), "IMAGE_INVALID", "config.size"],
    [
      "L17: blake3",
      withConfig({ digest: `blake3:${"0".repeat(64)}` }),
      "IMAGE_INVALID",
      "config.digest: is not a sha256",
    ],
    [
      "S16: a digest that is a path",
      withConfig({ digest: "../../etc" }),
      "IMAGE_INVALID",
      "config.digest",
    ],
    ["L18: data of another size", withConfig({ data: "eHg=" }), "IMAGE_INVALID", "2 bytes"],
    ["L18: data of another digest", withConfig({ data: "eQ==" }), "DIGEST_MISMATCH", DIGEST],
    ["L18: data that is not base64", withConfig({ data: "?" }), "IMAGE_INVALID", "base64"],
    [
      "L21: an encrypted layer",
      { ...manifest, layers: [{ ...LAYER, mediaType: `${LAYER_TYPE}+encrypted` }] },
      "LAYER_UNSUPPORTED",
      "tar+gzip+encrypted",
    ],
    [
      "L20: an xz layer",
      {
        ...manifest,
        layers: [{ ...LAYER, mediaType: "application/vnd.oci.image.layer.v1.tar+xz" }],
      },
      "LAYER_UNSUPPORTED",
      "tar+xz",
    ],
    ["a manifest without a config", { schemaVersion: 2, layers: [] }, "IMAGE_INVALID", "config"],
    ["a manifest without layers", { schemaVersion: 2, config: CONFIG }, "IMAGE_INVALID", "layers"],
    ["an object of nothing", {}, "IMAGE_UNSUPPORTED", "no known kind"],
    ["a list", [], "IMAGE_INVALID", "not a JSON object"],
    ["null", null, "IMAGE_INVALID", "not a JSON object"],
  ];
  test.each(rows)("%s", (_, document, code, message) => {
    expect(() => parse(document)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });

  test.each([
    ["no JSON", Buffer.from("<html>")],
    ["no UTF-8", Buffer.from('{"schemaVersion":2,"x":"\xff"}', "latin1")],
    ["nothing", Buffer.alloc(0)],
  ])("%s", (_, bytes) => {
    expect(() => parseManifest(bytes)).toThrow(
      expect.objectContaining({
        code: "IMAGE_INVALID",
        message: "the image's manifest is not JSON",
      }),
    );
  });

  test("text that could repaint a terminal only in escaped form", () => {
    expect(() => parse({ ...manifest, artifactType: "a\u001b[2Jb" })).toThrow("a\\x1b[2Jb");
  });
});

function withConfig(members: object): object {
  return { schemaVersion: 2, config: { ...CONFIG, ...members }, layers: [] };
}

function parse(document: unknown) {
  return parseManifest(Buffer.from(JSON.stringify(document)));
}
