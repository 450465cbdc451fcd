// Where an image comes from, as the stages see it: manifests and blobs by reference. A type, no code.

import type { Digest } from "../oci/digest.ts";
import type { Reference } from "../oci/reference.ts";

export type RegistryClient = "crane" | "builtin";

export interface Registry {
  readonly client: RegistryClient;
  /**
   * The raw bytes of a manifest or an index, at most 4 MiB; a digest in the reference has been checked.
   * Throws REGISTRY_DENIED, REGISTRY_UNREACHABLE, REGISTRY_LIMITED, REGISTRY_RESPONSE_INVALID, IMAGE_NOT_FOUND,
   * DIGEST_MISMATCH.
   */
  manifest(reference: Reference): Promise<Uint8Array>;
  /** The raw bytes of a blob as they come. Unverified: whoever reads them checks size and digest. */
  blob(reference: Reference, digest: Digest): Promise<ReadableStream<Uint8Array>>;
  /** Forgets the credentials. Nothing can be fetched afterwards. */
  close(): void;
}
