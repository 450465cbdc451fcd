// An image in an OCI image layout, wherever its files lie: index.json says which images there are, and everything else
// is a blob under its digest.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md

import * as v from "valibot";
import { printable, RunnerError } from "../../errors.ts";
import { type Digest, digestOf, verifyDigest } from "../../oci/digest.ts";
import { checkDocument, decodeDocument } from "../../oci/document.ts";
import { type Descriptor, parseManifest } from "../../oci/manifest.ts";
import type { Registry, RegistryClient } from "../registry.ts";
import { chooseImage } from "./choose-image.ts";
import { type ImageFile, type ImageFiles, invalid, readSmall } from "./image-files.ts";

export interface LayoutOptions {
  readonly client: RegistryClient;
  /** Which of the layout's images; its only one when absent. */
  readonly tag?: string | undefined;
  readonly maxManifestBytes: number;
}

/** What the layout's name stands for: a manifest or an index among its blobs, or index.json itself. */
interface Root {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

const LAYOUT_FILE = "oci-layout";
const INDEX_FILE = "index.json";
const REF_NAME = "org.opencontainers.image.ref.name";
const CONTAINERD_NAME = "io.containerd.image.name";

const layoutSchema = v.object({ imageLayoutVersion: v.string("is not a string") });

/** Whether the files are a layout's. */
export async function isLayout(files: ImageFiles): Promise<boolean> {
  const file = await files.open(LAYOUT_FILE);
  await file?.close();
  return file !== undefined;
}

/**
 * Opens a layout; closing it closes the files.
 * Throws IMAGE_NOT_FOUND, IMAGE_UNSUPPORTED, IMAGE_INVALID, DIGEST_MISMATCH and LIMIT_EXCEEDED.
 */
export async function createLayout(files: ImageFiles, options: LayoutOptions): Promise<Registry> {
  const limit = { maxBytes: options.maxManifestBytes, setting: "MAX_MANIFEST_BYTES" };
  const read = (name: string) => readSmall(files, name, limit);
  requireVersion(await read(LAYOUT_FILE), files.where);
  const readManifest = async (digest: Digest) => {
    const bytes = await read(blobName(digest));
    if (bytes === undefined) throw missingBlob(digest, files.where);
    verifyDigest(bytes, digest, `a manifest in ${files.where}`);
    return bytes;
  };
  const root = await findRoot(await read(INDEX_FILE), readManifest, options.tag, files.where);
  return {
    client: options.client,
    digest: async () => root.digest,
    manifest: async (digest = root.digest) =>
      digest === root.digest ? root.bytes : await readManifest(digest),
    blob: async ({ digest }) => (await openBlob(files, digest)).stream(),
    close: () => files.close(),
  };
}

function requireVersion(bytes: Uint8Array | undefined, where: string): void {
  if (bytes === undefined) {
    throw invalid(`${where} has no file ${LAYOUT_FILE}, so it is no OCI image layout`);
  }
  const what = `${LAYOUT_FILE} in ${where}`;
  const { imageLayoutVersion } = checkDocument(layoutSchema, decodeDocument(bytes, what), what);
  if (/^1\.\d/.test(imageLayoutVersion)) return;
  const version = printable(imageLayoutVersion.slice(0, 40));
  throw new RunnerError(
    "IMAGE_UNSUPPORTED",
    `${where} is an OCI image layout of version ${version}`,
  );
}

async function findRoot(
  index: Uint8Array | undefined,
  readManifest: (digest: Digest) => Promise<Uint8Array>,
  unsafeTag: string | undefined,
  where: string,
): Promise<Root> {
  if (index === undefined) throw invalid(`${where} has no ${INDEX_FILE}`);
  const document = parseManifest(index);
  if (document.kind !== "index") throw invalid(`${INDEX_FILE} in ${where} is no image index`);
  const { manifests } = document;
  // An index of one image for several platforms, without another index around it.
  if (unsafeTag === undefined && manifests.length > 1 && manifests.every(isPlatformOnly)) {
    return { digest: digestOf(index), bytes: index };
  }
  const images = manifests.map((descriptor) => ({
    unsafeNames: namesOf(descriptor),
    identity: descriptor.digest,
    descriptor,
  }));
  const { digest, size } = chooseImage(images, unsafeTag, where).descriptor;
  const bytes = await readManifest(digest);
  if (bytes.byteLength === size) return { digest, bytes };
  throw new RunnerError(
    "DIGEST_MISMATCH",
    `manifest ${digest} in ${where} should have ${size} bytes but has ${bytes.byteLength}`,
  );
}

function isPlatformOnly({ platform, annotations }: Descriptor): boolean {
  return platform !== undefined && annotations?.[REF_NAME] === undefined;
}

function namesOf({ annotations, digest }: Descriptor): readonly string[] {
  const names = [annotations?.[CONTAINERD_NAME], annotations?.[REF_NAME], digest];
  return names.filter((name) => name !== undefined);
}

async function openBlob(files: ImageFiles, digest: Digest): Promise<ImageFile> {
  const file = await files.open(blobName(digest));
  if (file === undefined) throw missingBlob(digest, files.where);
  return file;
}

function blobName(digest: Digest): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function missingBlob(digest: Digest, where: string): RunnerError {
  return invalid(`${where} has no blob ${digest}`);
}
