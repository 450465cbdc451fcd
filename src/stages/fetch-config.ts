// Stage 3: from a reference to one image: its manifest for this platform and its config, digests verified.

import { RunnerError } from "../errors.ts";
import { type Digest, digestOf, verifyDigest } from "../oci/digest.ts";
import {
  type ImageConfig,
  type ImageLayer,
  layersOf,
  parseImageConfig,
} from "../oci/image-config.ts";
import { type Manifest, parseManifest } from "../oci/manifest.ts";
import { choosePlatform, formatPlatform, type Platform, runsOn } from "../oci/platform.ts";
import { formatImageName, type ImageName } from "../oci/image-name.ts";
import { readBlob } from "../registry/read-blob.ts";
import type { ImageSource } from "../registry/registry.ts";
import type { ImageSession } from "./image-session.ts";
import type { ImageRequest } from "./validate.ts";

export interface Image {
  readonly name: ImageName;
  /** The digest of the manifest for the platform. */
  readonly digest: Digest;
  readonly config: ImageConfig;
  /** The lowest first. */
  readonly layers: readonly ImageLayer[];
}

/** An index may name an index; deeper nesting than this is no image that anyone built. */
const MAX_INDEX_DEPTH = 4;

/**
 * Throws PLATFORM_MISSING, IMAGE_NOT_FOUND, IMAGE_UNSUPPORTED, IMAGE_INVALID, DIGEST_MISMATCH and what the registry
 * throws.
 */
export async function fetchConfig(
  { registry }: ImageSession,
  request: ImageRequest,
): Promise<Image> {
  const { image: name, platform } = request;
  const { digest, manifest } = await resolveManifest(registry, name, platform);
  const limit = { maxBytes: request.maxConfigBytes, setting: "MAX_CONFIG_BYTES" };
  const config = parseImageConfig(await readBlob(registry, manifest.config, limit));
  requirePlatform(name, config, platform);
  return { name, digest, config, layers: layersOf(manifest, config) };
}

async function resolveManifest(
  registry: ImageSource,
  name: ImageName,
  platform: Platform,
): Promise<{ readonly digest: Digest; readonly manifest: Manifest }> {
  let wanted = name.kind === "registry" ? name.reference.digest : undefined;
  let size: number | undefined;
  for (let depth = 0; depth <= MAX_INDEX_DEPTH; depth++) {
    const bytes = await registry.manifest(wanted);
    if (wanted) verifyDigest(bytes, wanted, `the manifest of ${formatImageName(name)}`);
    if (size !== undefined && bytes.byteLength !== size) throw wrongSize(name, size, bytes);
    const document = parseManifest(bytes);
    if (document.kind === "manifest") {
      return { digest: wanted ?? digestOf(bytes), manifest: document };
    }
    ({ digest: wanted, size } = choosePlatform(document.manifests, platform));
  }
  throw new RunnerError(
    "IMAGE_INVALID",
    `${formatImageName(name)} is an index of indexes more than ${MAX_INDEX_DEPTH} deep`,
  );
}

function wrongSize(name: ImageName, size: number, { byteLength }: Uint8Array): RunnerError {
  return new RunnerError(
    "DIGEST_MISMATCH",
    `a manifest of ${formatImageName(name)} should have ${size} bytes but has ${byteLength}`,
  );
}

// An image without an index says its platform in its config only.
function requirePlatform(name: ImageName, config: ImageConfig, wanted: Platform): void {
  if (runsOn(config.platform, wanted)) return;
  throw new RunnerError(
    "PLATFORM_MISSING",
    `${formatImageName(name)} is built for ${formatPlatform(config.platform)} only, not for ${formatPlatform(wanted)}`,
  );
}
