// A source of images with a cache before it: what is kept is not asked for, and what is fetched is kept.

import { RunnerError } from "../errors.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { isImageConfigType } from "../oci/media-type.ts";
import type { LockWait } from "../system/file-lock.ts";
import type { Blobs } from "./blobs.ts";

/** One image where it comes from. */
export interface Source {
  /** What the image's name stands for; undefined where the source does not say. */
  digest(): Promise<Digest | undefined>;
  /** A manifest by its digest, which has been checked, or what the image's name stands for. */
  manifest(digest?: Digest): Promise<Uint8Array>;
  /** Unverified bytes. */
  blob(descriptor: Descriptor): Promise<ReadableStream<Uint8Array>>;
}

export interface CachedSourceOptions {
  readonly source: Source;
  readonly blobs: Blobs;
  /** What the name stood for when it was last looked up; it is believed only where `source` says the same. */
  readonly lastDigest?: Digest | undefined;
  /** The name stands for this and nothing else. */
  readonly fixedDigest?: Digest | undefined;
  /** Layers are kept as well; a source on this machine's disk needs no second copy of them. */
  readonly keepsLayers: boolean;
  /** A kept manifest that is larger is left to `source` to refuse. */
  readonly maxManifestBytes?: number;
  /** For as long as another process fetches what is wanted. */
  readonly wait?: LockWait;
}

export interface CachedSource extends Source {
  /** What was given away, in order: the first is what the image's name stands for. */
  readonly given: readonly Digest[];
}

export function cachedSource(options: CachedSourceOptions): CachedSource {
  const { source, blobs, lastDigest, fixedDigest, keepsLayers, maxManifestBytes, wait } = options;
  const given: Digest[] = [];
  // Who has never seen the image needs its manifest anyhow: asking for the digest first would be a request more.
  const digest = async () => fixedDigest ?? (lastDigest && (await source.digest()));
  return {
    given,
    digest,
    async manifest(asked) {
      const wanted = asked ?? (await digest());
      const kept = wanted && blobs.read(wanted, maxManifestBytes);
      const bytes = kept ?? (await source.manifest(wanted));
      const actual = wanted ?? digestOf(bytes);
      if (kept === undefined) blobs.write(actual, bytes);
      given.push(actual);
      return bytes;
    },
    async blob(descriptor) {
      given.push(descriptor.digest);
      return keepsLayers || isImageConfigType(descriptor.mediaType)
        ? await blobs.open(descriptor, () => source.blob(descriptor), wait)
        : await source.blob(descriptor);
    },
  };
}

/** A source that has nothing: what the cache lacks cannot be had. `why` is the reason, as the end of a sentence. */
export function nowhere(image: string, why: string): Source {
  const refuse = () => {
    throw new RunnerError("IMAGE_NOT_FOUND", `${image} is not in the cache, and ${why}`, {
      hint: "Set PULL_POLICY to missing or always to have it pulled.",
    });
  };
  return {
    digest: async () => refuse(),
    manifest: async () => refuse(),
    blob: async () => refuse(),
  };
}
