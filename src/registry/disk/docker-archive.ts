// An image in what `docker save` writes: manifest.json names its config and its layers. Newer archives hold an OCI image
// layout as well, which says more and is taken instead. For older ones a manifest is made up, from the config and from
// the sizes that are there, and every byte is then held against it.
// https://github.com/moby/moby/blob/v24.0.0/image/spec/v1.2.md#combined-image-json--filesystem-changeset-format

import * as v from "valibot";
import { detectCompression, MAGIC_BYTES } from "../../archive/decompress.ts";
import { printable, RunnerError } from "../../errors.ts";
import { type Digest, digestOf, verifyDigest } from "../../oci/digest.ts";
import { checkDocument, decodeJson, optional } from "../../oci/document.ts";
import { parseImageConfig } from "../../oci/image-config.ts";
import type { Registry } from "../registry.ts";
import { chooseImage, type NamedImage } from "./choose-image.ts";
import { type ImageFile, type ImageFiles, invalid, readSmall } from "./image-files.ts";
import { createLayout, isLayout } from "./oci-layout.ts";

export interface DockerArchiveOptions {
  /** Which of the archive's images; its only one when absent. */
  readonly tag?: string | undefined;
  readonly maxManifestBytes: number;
  readonly maxConfigBytes: number;
  readonly maxLayers: number;
}

/** An image as manifest.json describes it, by names of the archive's files. */
interface SavedImage extends NamedImage {
  readonly unsafeConfig: string;
  readonly unsafeLayers: readonly string[];
}

/** A blob, and the name under which the archive has it. */
interface Blob {
  readonly digest: Digest;
  readonly size: number;
  readonly unsafeName: string;
}

const MANIFEST_FILE = "manifest.json";
const MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG_TYPE = "application/vnd.docker.container.image.v1+json";
/** Of a layer with any compression or none: its bytes say which. */
const LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar";

const savedImagesSchema = v.array(
  v.pipe(
    v.object({
      Config: v.string(),
      RepoTags: optional(v.array(v.string())),
      Layers: optional(v.array(v.string())),
    }),
    v.transform(({ Config, RepoTags = [], Layers = [] }): SavedImage => ({
      unsafeConfig: Config,
      unsafeLayers: Layers,
      unsafeNames: RepoTags,
      identity: [Config, ...Layers].join("\0"),
    })),
  ),
);

/**
 * Opens an archive; closing it closes the files.
 * Throws IMAGE_NOT_FOUND, IMAGE_UNSUPPORTED, IMAGE_INVALID, DIGEST_MISMATCH and LIMIT_EXCEEDED.
 */
export async function createDockerArchive(
  files: ImageFiles,
  options: DockerArchiveOptions,
): Promise<Registry> {
  if (await isLayout(files)) return createLayout(files, { ...options, client: "docker-archive" });
  const saved = chooseImage(await readSavedImages(files, options), options.tag, files.where);
  const config = await readConfig(files, saved, options);
  const { diffIds } = parseImageConfig(config.bytes);
  requireFewLayers(files, diffIds.length, options.maxLayers);
  const layers = await findLayers(files, saved, diffIds);
  const manifest = manifestOf(config, layers);
  const ownDigest = digestOf(manifest);
  const blobs = new Map([config, ...layers].map((blob) => [blob.digest, blob]));
  return {
    client: "docker-archive",
    digest: async () => ownDigest,
    async manifest(digest = ownDigest) {
      if (digest === ownDigest) return manifest;
      throw invalid(`${files.where} has no manifest ${digest}`);
    },
    async blob({ digest }) {
      const blob = blobs.get(digest);
      if (blob === undefined) throw invalid(`${files.where} has no blob ${digest}`);
      return (await mustOpen(files, blob.unsafeName)).stream();
    },
    close: () => files.close(),
  };
}

async function readSavedImages(
  files: ImageFiles,
  { maxManifestBytes: maxBytes }: DockerArchiveOptions,
): Promise<readonly SavedImage[]> {
  const bytes = await readSmall(files, MANIFEST_FILE, { maxBytes, setting: "MAX_MANIFEST_BYTES" });
  const what = `${MANIFEST_FILE} in ${files.where}`;
  if (bytes !== undefined) return checkDocument(savedImagesSchema, decodeJson(bytes, what), what);
  throw new RunnerError(
    "IMAGE_UNSUPPORTED",
    `${files.where} has neither a ${MANIFEST_FILE} nor an OCI image layout`,
    { hint: "Save the image with `docker save` of Docker 1.10 or newer, or with `skopeo copy`." },
  );
}

async function readConfig(
  files: ImageFiles,
  { unsafeConfig: unsafeName }: SavedImage,
  { maxConfigBytes: maxBytes }: DockerArchiveOptions,
): Promise<Blob & { readonly bytes: Uint8Array }> {
  const bytes = await readSmall(files, unsafeName, { maxBytes, setting: "MAX_CONFIG_BYTES" });
  if (bytes === undefined) throw missing(files, unsafeName);
  // Whoever writes an archive names a config by its digest; Docker adds an ending, others a directory or "sha256:".
  const [, hex] = /(?:^|[/:])([0-9a-f]{64})(?:\.json)?$/.exec(unsafeName) ?? [];
  if (hex !== undefined) {
    verifyDigest(bytes, `sha256:${hex}` as Digest, `the config in ${files.where}`);
  }
  return { digest: digestOf(bytes), size: bytes.byteLength, unsafeName, bytes };
}

// A layer may be read as a whole to learn its digest, and an archive can name one as often as it likes.
function requireFewLayers({ where }: ImageFiles, layers: number, maxLayers: number): void {
  if (layers <= maxLayers) return;
  throw new RunnerError(
    "LIMIT_EXCEEDED",
    `the image in ${where} has ${layers} layers, which is over the limit of ${maxLayers} (MAX_LAYERS)`,
    { stage: "fetch-config" },
  );
}

async function findLayers(
  files: ImageFiles,
  { unsafeLayers }: SavedImage,
  diffIds: readonly Digest[],
): Promise<readonly Blob[]> {
  if (unsafeLayers.length !== diffIds.length) {
    throw invalid(
      `${MANIFEST_FILE} in ${files.where} has ${unsafeLayers.length} layers, but the image's config knows ${diffIds.length}`,
    );
  }
  const layers: Blob[] = [];
  for (const [index, diffId] of diffIds.entries()) {
    layers.push(await findLayer(files, unsafeLayers[index] ?? "", diffId));
  }
  return layers;
}

// Where a layer is not compressed its diff_id is the digest of the bytes that lie there, and nothing needs to be hashed
// before they are unpacked.
async function findLayer(files: ImageFiles, unsafeName: string, diffId: Digest): Promise<Blob> {
  const { size, head } = await readHead(await mustOpen(files, unsafeName));
  const isPlain = detectCompression(head) === "none";
  const digest = isPlain ? diffId : await hashed(await mustOpen(files, unsafeName));
  return { digest, size, unsafeName };
}

async function readHead(
  file: ImageFile,
): Promise<{ readonly size: number; readonly head: Buffer }> {
  for await (const chunk of file.stream()) {
    return { size: file.size, head: Buffer.from(chunk.subarray(0, MAGIC_BYTES)) };
  }
  return { size: file.size, head: Buffer.alloc(0) };
}

async function hashed(file: ImageFile): Promise<Digest> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const chunk of file.stream()) hasher.update(chunk);
  return `sha256:${hasher.digest("hex")}` as Digest;
}

function manifestOf(config: Blob, layers: readonly Blob[]): Uint8Array {
  const describe = (mediaType: string, { digest, size }: Blob) => ({ mediaType, digest, size });
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: describe(CONFIG_TYPE, config),
    layers: layers.map((layer) => describe(LAYER_TYPE, layer)),
  };
  return Buffer.from(JSON.stringify(manifest));
}

async function mustOpen(files: ImageFiles, unsafeName: string): Promise<ImageFile> {
  const file = await files.open(unsafeName);
  if (file === undefined) throw missing(files, unsafeName);
  return file;
}

function missing(files: ImageFiles, unsafeName: string): RunnerError {
  const name = printable(unsafeName.slice(0, 200));
  return invalid(`${files.where} has no file ${name}, which its ${MANIFEST_FILE} names`);
}
