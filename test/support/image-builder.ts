// Container images made in memory, for tests and the demo: OCI or Docker schema 2, one platform or an index.

import { gzipSync, zstdCompressSync } from "node:zlib";
import { digestOf, type Digest } from "../../src/oci/digest.ts";
import { tarArchive, type TarEntry } from "./tar-archive.ts";

export type ImageFormat = "oci" | "docker";
export type Compression = "none" | "gzip" | "zstd";

/** A manifest or an index, as a registry keeps it. */
export interface Document {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/** All that a registry needs to serve an image; `root` is what a tag points to. */
export interface BuiltImage {
  readonly root: Document;
  readonly documents: ReadonlyMap<Digest, Document>;
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
  /** The digests of the layers, the lowest first; none for an index. */
  readonly layers: readonly Digest[];
  /** `os/architecture[/variant]`; empty for an index. */
  readonly platform: string;
}

export interface ImageConfigInput {
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Env?: readonly string[] | null;
  readonly WorkingDir?: string | null;
  readonly User?: string | null;
  readonly ExposedPorts?: Readonly<Record<string, object>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly StopSignal?: string | null;
  readonly Volumes?: Readonly<Record<string, object>> | null;
}

export interface ImageInput {
  /** The lowest first. Entries, or the bytes of a tar archive made elsewhere. */
  readonly layers: readonly (readonly TarEntry[] | Uint8Array)[];
  readonly config?: ImageConfigInput;
  /** `os/architecture[/variant]`; this machine's when absent. */
  readonly platform?: string;
  readonly format?: ImageFormat;
  readonly compression?: Compression;
  /** Members that replace the manifest's own, for images that break a rule. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  /** Members that replace the config document's own. */
  readonly configDocument?: Readonly<Record<string, unknown>>;
}

const TYPES = {
  oci: {
    index: "application/vnd.oci.image.index.v1+json",
    manifest: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    layer: {
      none: "application/vnd.oci.image.layer.v1.tar",
      gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
      zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
    },
  },
  docker: {
    index: "application/vnd.docker.distribution.manifest.list.v2+json",
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
    layer: {
      none: "application/vnd.docker.image.rootfs.diff.tar",
      gzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
      zstd: "application/vnd.docker.image.rootfs.diff.tar.zstd",
    },
  },
} as const;

const COMPRESSORS: Readonly<Record<Compression, (bytes: Uint8Array) => Uint8Array>> = {
  none: (bytes) => bytes,
  gzip: (bytes) => gzipSync(bytes, { level: 1 }),
  zstd: (bytes) => zstdCompressSync(bytes),
};

/** Builds an image for one platform. */
export function buildImage(input: ImageInput): BuiltImage {
  const types = TYPES[input.format ?? "oci"];
  const compression = input.compression ?? "gzip";
  const platform = input.platform ?? hostPlatform();
  const [os, architecture, variant] = platform.split("/");
  const archives = input.layers.map((layer) =>
    layer instanceof Uint8Array ? layer : tarArchive(layer),
  );
  const layers = archives.map((archive) => COMPRESSORS[compression](archive));
  const config = jsonBytes({
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    config: input.config ?? {},
    rootfs: { type: "layers", diff_ids: archives.map((archive) => digestOf(archive)) },
    ...input.configDocument,
  });
  const root = documentOf(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptorOf(types.config, config),
    layers: layers.map((layer) => descriptorOf(types.layer[compression], layer)),
    ...input.manifest,
  });
  return {
    root,
    documents: new Map([[root.digest, root]]),
    blobs: new Map([config, ...layers].map((blob) => [digestOf(blob), blob])),
    layers: layers.map((layer) => digestOf(layer)),
    platform,
  };
}

/** Builds an index over images, by default with the attestation manifest that BuildKit puts beside each. */
export function buildIndex(
  images: readonly BuiltImage[],
  options: { readonly format?: ImageFormat; readonly attestations?: boolean } = {},
): BuiltImage {
  const attestations = (options.attestations ?? true) ? images.map(attestationFor) : [];
  const mediaType = TYPES[options.format ?? "oci"].index;
  const root = documentOf(mediaType, {
    schemaVersion: 2,
    mediaType,
    manifests: [...images.map(entryFor), ...attestations.map(({ entry }) => entry)],
  });
  const parts = [...images, ...attestations.map(({ image }) => image)];
  return {
    root,
    documents: new Map([
      [root.digest, root] as const,
      ...parts.flatMap(({ documents }) => [...documents]),
    ]),
    blobs: new Map(parts.flatMap(({ blobs }) => [...blobs])),
    layers: [],
    platform: "",
  };
}

/** The name of this machine's platform, as images write it. */
export function hostPlatform(): string {
  return `linux/${process.arch === "arm64" ? "arm64" : "amd64"}`;
}

/** A document of a media type with these members. */
export function documentOf(
  mediaType: string,
  members: Readonly<Record<string, unknown>>,
): Document {
  const bytes = jsonBytes(members);
  return { mediaType, digest: digestOf(bytes), bytes };
}

function entryFor({ root, platform }: BuiltImage): Readonly<Record<string, unknown>> {
  const [os, architecture, variant] = platform.split("/");
  return {
    ...descriptorOf(root.mediaType, root.bytes),
    platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
  };
}

// https://github.com/moby/buildkit/blob/v0.17.0/docs/attestations/attestation-storage.md
function attestationFor(subject: BuiltImage) {
  const image = buildImage({
    layers: [],
    platform: "unknown/unknown",
    manifest: {
      layers: [
        descriptorOf("application/vnd.in-toto+json", jsonBytes({ subject: subject.root.digest })),
      ],
    },
  });
  const entry = {
    ...entryFor(image),
    annotations: {
      "vnd.docker.reference.digest": subject.root.digest,
      "vnd.docker.reference.type": "attestation-manifest",
    },
  };
  return {
    image: { ...image, blobs: new Map([...image.blobs, ...attestationBlob(subject)]) },
    entry,
  };
}

function attestationBlob(subject: BuiltImage): [Digest, Uint8Array][] {
  const bytes = jsonBytes({ subject: subject.root.digest });
  return [[digestOf(bytes), bytes]];
}

function descriptorOf(mediaType: string, bytes: Uint8Array) {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}

function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
