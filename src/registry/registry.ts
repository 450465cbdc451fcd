// One image, as a registry or a disk holds it: what the stages see of where it comes from. A type, no code.

import type { Digest } from "../oci/digest.ts";
import type { ImageName } from "../oci/image-name.ts";
import type { Descriptor } from "../oci/manifest.ts";

export type RegistryClient = "crane" | "builtin" | Exclude<ImageName["kind"], "registry">;

export interface Registry {
  readonly client: RegistryClient;
  /**
   * What the image's name stands for today, as its home says; undefined where it does not say. Only a hint: whoever
   * fetches the manifest learns its digest from its bytes. Throws as `manifest` does.
   */
  digest(): Promise<Digest | undefined>;
  /**
   * The raw bytes of the image's manifest or index, or of the one with that digest, which has been checked.
   * Throws REGISTRY_DENIED, REGISTRY_UNREACHABLE, REGISTRY_LIMITED, REGISTRY_RESPONSE_INVALID, IMAGE_NOT_FOUND,
   * DIGEST_MISMATCH, LIMIT_EXCEEDED.
   */
  manifest(digest?: Digest): Promise<Uint8Array>;
  /** The raw bytes of a blob as they come. Unverified: whoever reads them checks size and digest. */
  blob(descriptor: Descriptor): Promise<ReadableStream<Uint8Array>>;
  /** Forgets the credentials. Nothing can be fetched afterwards. */
  close(): void;
}

/** What the stages ask, of a registry or of what stands before it. */
export type ImageSource = Pick<Registry, "digest" | "manifest" | "blob">;
