// The media types of what a registry keeps, OCI's and Docker's, and what each is to us.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md

const INDEXES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
const MANIFESTS = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];
// Asked for too, so that a registry that has nothing newer says what it has instead of "not found".
const SCHEMA_1 = [
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
  "application/vnd.docker.distribution.manifest.v1+json",
];
const CONFIGS = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
];
const LAYER =
  /^application\/vnd\.(?:oci\.image\.layer(?:\.nondistributable)?\.v1\.tar|docker\.image\.rootfs\.(?:diff|foreign\.diff)\.tar)(?:[+.](?:gzip|zstd))?$/;

export type DocumentKind = "index" | "manifest" | "schema 1" | "other";

/** The Accept header of a manifest request. */
export const MANIFEST_ACCEPT = [...INDEXES, ...MANIFESTS, ...SCHEMA_1].join(", ");

/** What a document of this media type is; parameters such as `; charset=utf-8` mean nothing here. */
export function documentKind(unsafeMediaType: string): DocumentKind {
  const type = essence(unsafeMediaType);
  if (INDEXES.includes(type)) return "index";
  if (MANIFESTS.includes(type)) return "manifest";
  return SCHEMA_1.includes(type) ? "schema 1" : "other";
}

/** Whether a config of this media type describes a container. Any other must not even be parsed. */
export function isImageConfigType(unsafeMediaType: string): boolean {
  return CONFIGS.includes(essence(unsafeMediaType));
}

/** Whether a layer of this media type is a tar archive that we can read: plain, gzip or zstd, not encrypted. */
export function isLayerType(unsafeMediaType: string): boolean {
  return LAYER.test(essence(unsafeMediaType));
}

function essence(unsafeMediaType: string): string {
  return (unsafeMediaType.split(";")[0] ?? "").trim().toLowerCase();
}
