// An image on this machine's disk, as the stages see it: what a registry would answer. A type, no code.

import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import type { ImageName } from "../../oci/image-name.ts";

export type DiskImageName = Exclude<ImageName, { readonly kind: "registry" }>;

export interface DiskImage {
  readonly client: DiskImageName["kind"];
  /** What the image's name stands for today: a manifest or an index. */
  digest(): Promise<Digest>;
  /**
   * The raw bytes of the manifest or index with this digest, which has been checked; of what the name stands for when
   * absent. Throws IMAGE_INVALID, DIGEST_MISMATCH, LIMIT_EXCEEDED.
   */
  manifest(digest?: Digest): Promise<Uint8Array>;
  /** The raw bytes of a blob. Unverified: whoever reads them checks size and digest. Throws IMAGE_INVALID. */
  blob(descriptor: Pick<Descriptor, "digest">): Promise<ReadableStream<Uint8Array>>;
  /** Nothing can be read afterwards. */
  close(): void;
}
