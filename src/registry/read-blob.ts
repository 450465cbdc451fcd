// A small blob, whole: bounded, its size and digest checked. Layers are too large for this.

import { RunnerError } from "../errors.ts";
import { verifyDigest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { ImageSource } from "./registry.ts";

/** A number of bytes, and the setting that it comes from. */
export interface BlobLimit {
  readonly maxBytes: number;
  readonly setting: string;
}

/**
 * Reads a blob within the limit. Content embedded in the descriptor is used instead of a request.
 * Throws LIMIT_EXCEEDED, DIGEST_MISMATCH and what the registry throws.
 */
export async function readBlob(
  registry: ImageSource,
  descriptor: Descriptor,
  { maxBytes, setting }: BlobLimit,
): Promise<Uint8Array> {
  if (descriptor.size > maxBytes) {
    throw new RunnerError(
      "LIMIT_EXCEEDED",
      `blob ${descriptor.digest} has ${descriptor.size} bytes, which is over the limit of ${maxBytes} (${setting})`,
      { stage: "fetch-config" },
    );
  }
  const bytes = descriptor.data ?? (await readAtMost(registry, descriptor));
  if (bytes.byteLength !== descriptor.size) {
    throw new RunnerError(
      "DIGEST_MISMATCH",
      `blob ${descriptor.digest} should have ${descriptor.size} bytes but has ${bytes.byteLength > descriptor.size ? "more" : bytes.byteLength}`,
    );
  }
  verifyDigest(bytes, descriptor.digest, "a blob");
  return bytes;
}

async function readAtMost(registry: ImageSource, descriptor: Descriptor): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of await registry.blob(descriptor)) {
    chunks.push(chunk);
    received += chunk.byteLength;
    // One byte too many is proof enough; leaving the loop cancels the stream.
    if (received > descriptor.size) break;
  }
  return Buffer.concat(chunks);
}
