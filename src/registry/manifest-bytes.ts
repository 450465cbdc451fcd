// What both clients check of a manifest before they hand it on: that it is one, and the one that was asked for.

import { RunnerError } from "../errors.ts";
import { verifyDigest } from "../oci/digest.ts";
import type { Reference } from "../oci/reference.ts";

/**
 * What registries accept at least.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
 */
export const DEFAULT_MANIFEST_BYTES = 4 * 1024 * 1024;

/**
 * Returns the bytes of a manifest. `bytes` is undefined when there were more than `maxBytes`.
 * Throws LIMIT_EXCEEDED, REGISTRY_RESPONSE_INVALID, DIGEST_MISMATCH.
 */
export function checkManifestBytes(
  bytes: Uint8Array | undefined,
  reference: Reference,
  maxBytes: number,
): Uint8Array {
  const { registry, repository, digest } = reference;
  if (bytes === undefined) {
    throw new RunnerError(
      "LIMIT_EXCEEDED",
      `${registry} has a manifest for ${repository} that is over the limit of ${maxBytes} bytes (MAX_MANIFEST_BYTES)`,
      { stage: "fetch-config" },
    );
  }
  // A captive portal or a web server answers 200 to anything.
  if (!/^\s*\{/.test(Buffer.from(bytes.subarray(0, 64)).toString("latin1"))) {
    throw new RunnerError(
      "REGISTRY_RESPONSE_INVALID",
      `${registry} answers with something that is no manifest where ${repository} should be`,
    );
  }
  if (digest !== undefined) verifyDigest(bytes, digest, `the manifest of ${repository}`);
  return bytes;
}
