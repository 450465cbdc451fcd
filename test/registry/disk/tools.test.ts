// Layouts and archives that other programs write: skopeo, umoci, podman and crane.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { digestOf } from "../../../src/oci/digest.ts";
import type { DiskImageName } from "../../../src/oci/image-name.ts";
import { archiveOf, layoutFiles, writeFiles } from "../../support/disk-image.ts";
import { buildImage } from "../../support/image-builder.ts";
import { startLoopbackRegistry } from "../../support/loopback-registry.ts";
import { podmanMust, removePodmanStorage } from "../../support/podman.ts";
import { needs } from "../../support/requirements.ts";
import { tarArchive } from "../../support/tar-archive.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { optionsFor, pullAll } from "./pull-all.ts";

const LAYERS = [
  tarArchive([{ path: "low", content: crypto.getRandomValues(new Uint8Array(60_000)) }]),
  tarArchive([{ path: "high", content: "h".repeat(500_000) }]),
];
const DIFF_IDS = LAYERS.map((layer) => digestOf(layer));
const IMAGE = buildImage({ layers: LAYERS, config: { Cmd: ["one"], Env: ["A=b"] } });
const TOOL_MS = 60_000;

const work = tempDir();
const source = work.file("source");
beforeAll(() => writeFiles(source, layoutFiles({ image: IMAGE, name: "1.0" })));
afterAll(() => work[Symbol.dispose]());

/** What a program made is the image that it was given: the same config, the same layers once they are plain. */
async function expectImage(kind: DiskImageName["kind"], path: string, tag?: string) {
  const name = { kind, path, ...(tag === undefined ? {} : { tag }) };
  const { config, layers } = await pullAll(name, optionsFor(work.path));
  expect(config).toMatchObject({
    config: { Cmd: ["one"], Env: ["A=b"] },
    rootfs: { diff_ids: DIFF_IDS },
  });
  expect(layers.map((layer) => digestOf(plain(layer)))).toEqual(DIFF_IDS);
}

function plain(layer: Uint8Array): Uint8Array {
  return layer[0] === 0x1f ? Bun.gunzipSync(Buffer.from(layer)) : layer;
}

async function must(...argv: readonly string[]): Promise<void> {
  const child = Bun.spawn([...argv], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const [stderr, status] = await Promise.all([child.stderr.text(), child.exited]);
  if (status !== 0) throw new Error(`${argv.join(" ")}: ${stderr}`);
}

describe("skopeo", () => {
  const copy = (to: string) => must("skopeo", "--insecure-policy", "copy", `oci:${source}:1.0`, to);

  needs("skopeo")(
    "copies to oci:",
    async () => {
      const path = work.file("skopeo");
      await copy(`oci:${path}:some/name:1.0`);
      await expectImage("oci", path);
      await expectImage("oci", path, "some/name:1.0");
    },
    TOOL_MS,
  );

  needs("skopeo")(
    "copies to oci-archive:",
    async () => {
      const path = work.file("skopeo-oci.tar");
      await copy(`oci-archive:${path}:1.0`);
      await expectImage("oci-archive", path, "1.0");
    },
    TOOL_MS,
  );

  needs("skopeo")(
    "copies to docker-archive:",
    async () => {
      const path = work.file("skopeo-docker.tar");
      await copy(`docker-archive:${path}:team/server:1.0`);
      await expectImage("docker-archive", path);
      await expectImage("docker-archive", path, "docker.io/team/server:1.0");
      await must("gzip", "-k", path);
      await expectImage("docker-archive", `${path}.gz`, "team/server:1.0");
    },
    TOOL_MS,
  );
});

needs("umoci")(
  "umoci writes a layout with several tags",
  async () => {
    const path = work.file("umoci");
    writeFiles(path, layoutFiles({ image: IMAGE, name: "1.0" }));
    await must("umoci", "tag", "--image", `${path}:1.0`, "2.0");
    await must("umoci", "config", "--image", `${path}:1.0`, "--tag", "3.0", "--config.cmd", "x");
    await must("umoci", "gc", "--layout", path);
    await expectImage("oci", path, "2.0");
  },
  TOOL_MS,
);

describe("podman", () => {
  afterAll(removePodmanStorage);
  for (const kind of ["docker-archive", "oci-archive"] as const) {
    needs("podman")(
      `saves ${kind}`,
      async () => {
        const name = "localhost/team/server:1.0";
        const loaded = work.file(`to-load-for-${kind}.tar`);
        writeFileSync(loaded, archiveOf(layoutFiles({ image: IMAGE, name })));
        await podmanMust("load", "--quiet", "--input", loaded);
        const path = work.file(`podman-${kind}.tar`);
        await podmanMust("save", "--quiet", "--format", kind, "--output", path, name);
        await expectImage(kind, path);
        await expectImage(kind, path, name);
      },
      TOOL_MS,
    );
  }
});

describe("crane", () => {
  for (const [format, kind] of [
    ["tarball", "docker-archive"],
    ["legacy", "docker-archive"],
    ["oci", "oci"],
  ] as const) {
    needs("crane")(
      `pulls ${format}`,
      async () => {
        using registry = startLoopbackRegistry({ images: { "team/server:1.0": IMAGE } });
        const path = work.file(`crane-${format}`);
        const name = `${registry.host}/team/server:1.0`;
        await must("crane", "pull", "--format", format, name, path);
        await expectImage(kind, path);
        if (kind === "docker-archive") await expectImage(kind, path, name);
      },
      TOOL_MS,
    );
  }
});
