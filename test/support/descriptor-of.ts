// The descriptor of a blob, as a manifest would have it.

import type { Digest } from "../../src/oci/digest.ts";
import type { Descriptor } from "../../src/oci/manifest.ts";
import type { BuiltImage } from "./image-builder.ts";

/** The descriptor of a blob of `image`, or of one that no image has, with the size that it claims. */
export function descriptorOf(digest: Digest, { blobs }: Pick<BuiltImage, "blobs">): Descriptor {
  const size = blobs.get(digest)?.byteLength ?? 1;
  return { mediaType: "application/octet-stream", digest, size };
}
