import { describe, expect, test } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { layersOf, parseImageConfig } from "../../src/oci/image-config.ts";
import { parseManifest } from "../../src/oci/manifest.ts";
import { buildImage, type ImageConfigInput } from "../support/image-builder.ts";

const DIFF_ID = digestOf(Buffer.from("layer"));
const ROOTFS = { type: "layers", diff_ids: [DIFF_ID] };
const BASE = { os: "linux", architecture: "amd64", rootfs: ROOTFS };

const DEFAULTS = {
  platform: { os: "linux", architecture: "amd64" },
  entrypoint: [],
  cmd: [],
  env: [],
  workingDir: "/",
  user: "",
  exposedPorts: [],
  labels: {},
  volumes: [],
  diffIds: [DIFF_ID],
};

describe("parseImageConfig", () => {
  test("reads what a server needs", () => {
    const config = {
      Entrypoint: ["node", "a b.js"],
      Cmd: ["--port", ""],
      Env: ["PATH=/usr/bin", "EMPTY=", "EQUATION=a=b"],
      WorkingDir: "/app",
      User: "node:node",
      ExposedPorts: { "8080/tcp": {} },
      Labels: { a: "b" },
      StopSignal: "SIGINT",
      Volumes: { "/data": {} },
    };
    expect(parse({ ...BASE, variant: "v3", config })).toEqual({
      ...DEFAULTS,
      platform: { os: "linux", architecture: "amd64", variant: "v3" },
      entrypoint: ["node", "a b.js"],
      cmd: ["--port", ""],
      env: [
        ["PATH", "/usr/bin"],
        ["EMPTY", ""],
        ["EQUATION", "a=b"],
      ],
      workingDir: "/app",
      user: "node:node",
      exposedPorts: ["8080/tcp"],
      stopSignal: "SIGINT",
      labels: { a: "b" },
      volumes: ["/data"],
    });
  });

  const nothing: ImageConfigInput = {
    Entrypoint: null,
    Cmd: null,
    Env: null,
    WorkingDir: null,
    User: null,
    ExposedPorts: null,
    Labels: null,
    StopSignal: null,
    Volumes: null,
  };
  test.each([
    ["no config", BASE],
    ["I18: a config of null", { ...BASE, config: null }],
    ["an empty config", { ...BASE, config: {} }],
    ["I18: null for every member", { ...BASE, config: nothing, variant: null, history: null }],
    ["empty text", { ...BASE, config: { WorkingDir: "", User: "", StopSignal: "" } }],
  ])("%s means the defaults", (_, document) => {
    expect(parse(document)).toEqual(DEFAULTS as never);
  });

  test("of a variable that is set twice the later value counts", () => {
    const config = { Env: ["A=1", "B=2", "A=3"] };
    expect(parse({ ...BASE, config }).env).toEqual([
      ["A", "3"],
      ["B", "2"],
    ]);
  });

  test("a relative working directory starts at the root", () => {
    expect(parse({ ...BASE, config: { WorkingDir: "app" } }).workingDir).toBe("/app");
  });

  const rows: [string, object, string][] = [
    [
      "L13: a rootfs of another type",
      { rootfs: { ...ROOTFS, type: "x" } },
      'rootfs.type: is not "layers"',
    ],
    ["L13: no rootfs", { rootfs: undefined }, "rootfs"],
    [
      "L17: a diff_id of an unknown kind",
      { rootfs: { type: "layers", diff_ids: ["md5:0"] } },
      "rootfs.diff_ids.0: is not a sha256",
    ],
    ["no architecture", { architecture: undefined }, "architecture"],
    ["an empty os", { os: "" }, "os: is empty"],
    ["a command that is text", { config: { Cmd: "sh" } }, "config.Cmd"],
    ["a command with a NUL", { config: { Cmd: ["a\0b"] } }, "config.Cmd.0: contains a NUL"],
    [
      "a variable without a value",
      { config: { Env: ["A"] } },
      "config.Env.0: is not of the form NAME=value",
    ],
    ["a variable without a name", { config: { Env: ["=a"] } }, "config.Env.0: is not of the form"],
    ["a label that is a number", { config: { Labels: { a: 1 } } }, "config.Labels.a"],
  ];
  test.each(rows)("%s is refused", (_, members, message) => {
    expect(() => parse({ ...BASE, ...members })).toThrow(
      expect.objectContaining({ code: "IMAGE_INVALID", message: expect.stringContaining(message) }),
    );
  });

  test("a variable's value is not in the message that refuses it", () => {
    expect(() => parse({ ...BASE, config: { Env: ["hunter2"] } })).not.toThrow("hunter2");
  });
});

describe("layersOf", () => {
  const image = buildImage({ layers: [[{ path: "a" }], [{ path: "b" }]] });
  const manifest = parseManifest(image.root.bytes);
  if (manifest.kind !== "manifest") throw new Error("not a manifest");
  const config = parseImageConfig(image.blobs.get(manifest.config.digest) ?? new Uint8Array());

  test("pairs each layer with its diff_id", () => {
    expect(layersOf(manifest, config)).toEqual(
      manifest.layers.map((descriptor, index) => ({
        descriptor,
        diffId: config.diffIds[index] as never,
      })),
    );
  });

  test("L12: more layers than diff_ids, or fewer, are refused", () => {
    const message = "the image's manifest has 2 layers, but its config knows";
    const more = { ...config, diffIds: [...config.diffIds, DIFF_ID] };
    expect(() => layersOf(manifest, more)).toThrow(`${message} 3`);
    expect(() => layersOf(manifest, { ...config, diffIds: [] })).toThrow(`${message} 0`);
  });
});

function parse(document: unknown) {
  return parseImageConfig(Buffer.from(JSON.stringify(document)));
}
