// Everything that an image on disk holds, read through the Registry as the stages read it, and held against its digests.

import type { Descriptor } from "../../../src/oci/descriptor.ts";
import { algorithmOf, digestOf } from "../../../src/oci/digest.ts";
import { parseManifest } from "../../../src/oci/manifest.ts";
import { choosePlatform, hostPlatform } from "../../../src/oci/platform.ts";
import type { DiskImageName } from "../../../src/oci/image-name.ts";
import { type DiskImageOptions, openDiskImage } from "../../../src/registry/disk/open-image.ts";
import type { Registry } from "../../../src/registry/registry.ts";
import { privateDirectory } from "../../../src/system/private-directory.ts";

/** The text of an image's config and the bytes of its layers. */
export interface Pulled {
  readonly digest: string | undefined;
  readonly config: unknown;
  readonly layers: readonly Uint8Array[];
}

/** `directory` is for decompressed archives. */
export function optionsFor(
  directory: string,
  options: Partial<DiskImageOptions> = {},
): DiskImageOptions {
  return {
    createDirectory: () => privateDirectory(directory, "work-"),
    createBudget: () => ({ spendBytes: () => {}, judgeRatio: () => {} }),
    limits: { recordBytes: 1024 ** 2 },
    maxManifestBytes: 1024 ** 2,
    maxConfigBytes: 1024 ** 2,
    maxLayers: 100,
    ...options,
  };
}

/** Opens an image, reads all of it and closes it. Throws DIGEST_MISMATCH for a blob that is not what it should be. */
export async function pullAll(name: DiskImageName, options: DiskImageOptions): Promise<Pulled> {
  const registry = await openDiskImage(name, options);
  try {
    return await readAll(registry);
  } finally {
    registry.close();
  }
}

async function readAll(registry: Registry): Promise<Pulled> {
  let digest: Parameters<Registry["manifest"]>[0];
  for (;;) {
    const document = parseManifest(await registry.manifest(digest));
    if (document.kind === "index") {
      digest = choosePlatform(document.manifests, hostPlatform()).digest;
      continue;
    }
    const config = JSON.parse(Buffer.from(await readBlob(registry, document.config)).toString());
    const layers: Uint8Array[] = [];
    for (const layer of document.layers) layers.push(await readBlob(registry, layer));
    return { digest: await registry.digest(), config, layers };
  }
}

async function readBlob(registry: Registry, descriptor: Descriptor): Promise<Uint8Array> {
  const bytes = await new Response(await registry.blob(descriptor)).bytes();
  const actual = { digest: digestOf(bytes, algorithmOf(descriptor.digest)), size: bytes.length };
  const { digest, size } = descriptor;
  if (JSON.stringify(actual) === JSON.stringify({ digest, size })) return bytes;
  throw new Error(`a blob should be ${digest} but is ${actual.digest}`);
}
