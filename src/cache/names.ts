// What the names of images stood for when they were last pulled, for one platform each. A name leads to digests and to
// nothing else: content is never found by a name alone.

import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Digest, isDigest } from "../oci/digest.ts";
import { type CacheDirectory, touch } from "./directory.ts";

export interface ImageName {
  /** The whole name, with registry and tag. */
  readonly name: string;
  readonly platform: string;
}

export interface KnownImage extends ImageName {
  /** What the name stands for: an index, or the manifest itself. */
  readonly digest: Digest;
  /** The manifest for the platform. */
  readonly manifest: Digest;
  /** All that the image consists of: indexes, manifest, config and layers. */
  readonly blobs: readonly Digest[];
}

export class Names {
  readonly #directory: CacheDirectory;

  constructor(directory: CacheDirectory) {
    this.#directory = directory;
  }

  /** What a name stood for, if that is known. */
  find(wanted: ImageName): KnownImage | undefined {
    const known = readKnown(this.#pathOf(wanted));
    return known?.name === wanted.name && known.platform === wanted.platform ? known : undefined;
  }

  /** Keeps what a name stands for; to be called when all of the image has been verified. */
  remember(image: KnownImage): void {
    const temporary = this.#directory.temporaryPath();
    try {
      writeFileSync(temporary, JSON.stringify(image), { flag: "wx", mode: 0o600 });
      renameSync(temporary, this.#pathOf(image));
    } catch {
      rmSync(temporary, { force: true });
    }
  }

  /** Says that an image has just been used. */
  touch(image: ImageName): void {
    touch(this.#pathOf(image));
  }

  /** Every image whose name is known. */
  all(): readonly KnownImage[] {
    return readdirSync(this.#directory.names).flatMap((file) => {
      const known = readKnown(join(this.#directory.names, file));
      return known === undefined ? [] : [known];
    });
  }

  forget(image: ImageName): void {
    rmSync(this.#pathOf(image), { force: true });
  }

  #pathOf({ name, platform }: ImageName): string {
    const hash = new Bun.CryptoHasher("sha256").update(`${name}\0${platform}`).digest("hex");
    return join(this.#directory.names, `${hash}.json`);
  }
}

// A damaged file is a name that nothing is known of.
function readKnown(path: string): KnownImage | undefined {
  try {
    const { name, platform, digest, manifest, blobs } = JSON.parse(readFileSync(path, "utf8")) as {
      readonly [Member in keyof KnownImage]?: unknown;
    };
    if (typeof name !== "string" || typeof platform !== "string") return undefined;
    if (!isDigestValue(digest) || !isDigestValue(manifest)) return undefined;
    if (!Array.isArray(blobs) || !blobs.every(isDigestValue)) return undefined;
    return { name, platform, digest, manifest, blobs };
  } catch {
    return undefined;
  }
}

function isDigestValue(unsafeValue: unknown): unsafeValue is Digest {
  return typeof unsafeValue === "string" && isDigest(unsafeValue);
}
