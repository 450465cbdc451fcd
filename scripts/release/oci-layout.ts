// Puts images into an OCI image layout, as one index for all their platforms. Knows podman's "docker-dir" and the
// layout; not what the images are.
//
// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { digestOf, parseDigest, type Digest } from "../../src/oci/digest.ts";
import { parseImageConfig } from "../../src/oci/image-config.ts";
import { parsePlatform, type Platform } from "../../src/oci/platform.ts";

export interface LayoutDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform?: Platform;
}

interface LayoutManifest {
  readonly config: LayoutDescriptor;
  readonly layers: readonly LayoutDescriptor[];
}

interface SavedConfig extends Readonly<
  Record<"created" | "architecture" | "variant" | "os" | "rootfs", unknown>
> {
  readonly config: Readonly<Record<string, unknown>>;
  readonly history: readonly Readonly<Record<string, unknown>>[];
}

const TYPES = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
} as const;

/**
 * Adds an image that `podman save --format=docker-dir` has written, without what tells one run of the builder from
 * another: the same layers with the same settings are the same image.
 */
export function addImage(
  layout: string,
  dockerDirectory: string,
  platform: string,
): LayoutDescriptor {
  const saved = readJson<LayoutManifest>(join(dockerDirectory, "manifest.json"));
  const read = ({ digest }: LayoutDescriptor) =>
    readFileSync(join(dockerDirectory, parseDigest(digest).replace("sha256:", "")));
  const savedConfig = read(saved.config);
  const { diffIds } = parseImageConfig(savedConfig);
  const layers = saved.layers.map((layer, index) => {
    const archive = read(layer);
    if (digestOf(archive) !== diffIds[index]) throw new Error(`layer ${index} is not its diff_id`);
    return writeBlob(layout, TYPES.layer, gzipSync(archive, { level: 9 }));
  });
  const configBytes = Buffer.from(JSON.stringify(lastingConfig(savedConfig)));
  const config = writeBlob(layout, TYPES.config, configBytes);
  const manifest = { schemaVersion: 2, mediaType: TYPES.manifest, config, layers };
  return { ...writeJson(layout, TYPES.manifest, manifest), platform: parsePlatform(platform) };
}

/** Makes an index of images that are in the layout the only thing that it offers. */
export function writeIndex(
  layout: string,
  manifests: readonly LayoutDescriptor[],
  annotations: Readonly<Record<string, string>>,
): LayoutDescriptor {
  const index = { schemaVersion: 2, mediaType: TYPES.index, manifests, annotations };
  const root = writeJson(layout, TYPES.index, index);
  const offered = { schemaVersion: 2, mediaType: TYPES.index, manifests: [root] };
  writeFileSync(join(layout, "index.json"), JSON.stringify(offered));
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  return root;
}

/** Brings the blobs of a layout into another one, and returns the images that its index names. */
export function mergeLayout(layout: string, from: string): LayoutDescriptor[] {
  mkdirSync(blobPath(layout), { recursive: true });
  for (const name of new Bun.Glob("*").scanSync(blobPath(from))) {
    parseDigest(`sha256:${name}`);
    copyFileSync(join(blobPath(from), name), join(blobPath(layout), name));
  }
  return imagesOf(from);
}

/** The images that a layout offers, one for each platform. */
export function imagesOf(layout: string): LayoutDescriptor[] {
  const offered = readJson<{ manifests: LayoutDescriptor[] }>(join(layout, "index.json"));
  return offered.manifests.flatMap(({ digest }) => {
    const index = JSON.parse(readBlob(layout, digest).toString()) as {
      manifests: LayoutDescriptor[];
    };
    return index.manifests;
  });
}

/** A blob's bytes, checked against its digest. */
export function readBlob(layout: string, digest: Digest): Buffer {
  const bytes = readFileSync(blobPath(layout, parseDigest(digest)));
  if (digestOf(bytes) !== digest) throw new Error(`${digest} is damaged in ${layout}`);
  return bytes;
}

/**
 * A config by OCI's specification, which has no random names of the containers that each step ran in. HEALTHCHECK is not
 * in it either, but stays: what runs OCI images reads Docker's, as in the images that BuildKit makes.
 *
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties
 */
function lastingConfig(bytes: Buffer): object {
  const { created, architecture, variant, os, config, rootfs, history } = JSON.parse(
    bytes.toString(),
  ) as SavedConfig; // written by podman
  const settings = without(config, ["Hostname", "Domainname", "Image"]);
  // The comment names the image of the step before.
  const steps = history.map((step) => without(step, ["comment"]));
  return { created, architecture, variant, os, config: settings, rootfs, history: steps };
}

function without(fields: Readonly<Record<string, unknown>>, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

function writeJson(layout: string, mediaType: string, document: object): LayoutDescriptor {
  return writeBlob(layout, mediaType, Buffer.from(JSON.stringify(document)));
}

function writeBlob(layout: string, mediaType: string, bytes: Uint8Array): LayoutDescriptor {
  mkdirSync(blobPath(layout), { recursive: true });
  const digest = digestOf(bytes);
  writeFileSync(blobPath(layout, digest), bytes);
  return { mediaType, digest, size: bytes.byteLength };
}

function blobPath(layout: string, digest = ""): string {
  return join(layout, "blobs/sha256", digest.replace("sha256:", ""));
}

function readJson<Document>(path: string): Document {
  return JSON.parse(readFileSync(path, "utf8")) as Document; // written by podman or by this file
}
