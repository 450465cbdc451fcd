// Images on disk as tests make them: the files of an OCI image layout and of what `docker save` once wrote, in a
// directory or in an archive.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import type { BuiltImage } from "./image-builder.ts";
import { tarArchive } from "./tar-archive.ts";

/** Contents by name. */
export type Files = Readonly<Record<string, string | Uint8Array>>;

export const REF_NAME = "org.opencontainers.image.ref.name";

/** An image of a layout, and what its entry in index.json says besides. */
export interface LayoutEntry {
  readonly image: BuiltImage;
  readonly name?: string;
  readonly entry?: Readonly<Record<string, unknown>>;
}

/** The files of a layout with these images. */
export function layoutFiles(...entries: readonly LayoutEntry[]): Files {
  const manifests = entries.map(({ image, name, entry }) => ({
    mediaType: image.root.mediaType,
    digest: image.root.digest,
    size: image.root.bytes.byteLength,
    ...(name === undefined ? {} : { annotations: { [REF_NAME]: name } }),
    ...entry,
  }));
  const blobs = entries.flatMap(({ image: { blobs, documents } }) => [
    ...[...blobs].map(([digest, bytes]) => [blobName(digest), bytes] as const),
    ...[...documents].map(([digest, { bytes }]) => [blobName(digest), bytes] as const),
  ]);
  return {
    "oci-layout": '{"imageLayoutVersion":"1.0.0"}',
    "index.json": JSON.stringify({ schemaVersion: 2, manifests }),
    ...Object.fromEntries(blobs),
  };
}

export function blobName(digest: Digest): string {
  return `blobs/${digest.replace(":", "/")}`;
}

/** An image as old versions of Docker save it. */
export interface SavedImage {
  /** Archives as they lie there, the lowest first. */
  readonly layers: readonly Uint8Array[];
  /** The digests of the archives' plain bytes; those of `layers` when absent. */
  readonly diffIds?: readonly Digest[];
  readonly names?: readonly string[] | null;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** The files of an archive with these images. A layer that several images share is there once. */
export function savedFiles(...images: readonly SavedImage[]): Files {
  const files: Record<string, string | Uint8Array> = {};
  const manifest = images.map(
    ({ layers, diffIds = layers.map((layer) => digestOf(layer)), ...rest }) => {
      const config = configOf(diffIds, rest.config ?? {});
      const configName = `${hexOf(config)}.json`;
      const layerNames = layers.map((layer) => `${hexOf(layer)}/layer.tar`);
      files[configName] = config;
      for (const [index, name] of layerNames.entries()) files[name] = layers[index] ?? "";
      return { Config: configName, RepoTags: rest.names ?? null, Layers: layerNames };
    },
  );
  return { ...files, "manifest.json": JSON.stringify(manifest) };
}

/** A well-formed archive of these files. */
export function archiveOf(files: Files): Uint8Array {
  return tarArchive(Object.entries(files).map(([path, content]) => ({ path, content })));
}

export function writeFiles(directory: string, files: Files): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
}

function configOf(
  diffIds: readonly Digest[],
  config: Readonly<Record<string, unknown>>,
): Uint8Array {
  const architecture = process.arch === "arm64" ? "arm64" : "amd64";
  const rootfs = { type: "layers", diff_ids: diffIds };
  return Buffer.from(JSON.stringify({ os: "linux", architecture, config, rootfs }));
}

function hexOf(bytes: Uint8Array): string {
  return digestOf(bytes).slice("sha256:".length);
}
