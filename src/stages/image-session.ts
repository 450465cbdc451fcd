// Where stages 3 and 4 find an image: in a registry, and before it in the cache, where there is one. With a cache the
// registry is asked as seldom as PULL_POLICY allows, and signed in to only when there is something to ask.

import { setImmediate as nextTurn } from "node:timers/promises";
import { cachedSource, nowhere } from "../cache/cached-source.ts";
import { type ImageCache, openCache } from "../cache/image-cache.ts";
import type { ImageName, KnownImage } from "../cache/names.ts";
import type { CachedTree, TreeKey } from "../cache/trees.ts";
import { serverIdentity } from "../launch/ownership.ts";
import type { UnpackReport } from "../layers/unpack.ts";
import { log } from "../log.ts";
import type { Digest } from "../oci/digest.ts";
import { formatImageName } from "../oci/image-name.ts";
import { formatPlatform } from "../oci/platform.ts";
import { nameOf } from "../read-settings.ts";
import type { ImageSource } from "../registry/registry.ts";
import { authenticate, type Session } from "./authenticate.ts";
import type { Image } from "./fetch-config.ts";
import type { ImageRequest } from "./validate.ts";

export type Tree = CachedTree<UnpackReport>;

/** An image's home; disposing it forgets the credentials. */
export interface ImageSession extends Disposable {
  readonly registry: ImageSource;
  readonly cached?: SessionCache;
}

/** What the stages after the second see of a cache. */
export interface SessionCache {
  /** The tree of an image, given to the server's user; `fill` makes it where there is none. Throws what `fill` throws. */
  tree(image: Image, fill: (root: string) => Promise<UnpackReport>): Promise<Tree>;
  /** Removes the image's layers that are not what they should be; returns how many. */
  dropDamagedLayers(image: Image): Promise<number>;
  /** Keeps what the image's name stands for. To be called when all of the image has been verified. */
  remember(image: Image): void;
  /** Removes what is too much. */
  tidy(): Promise<void>;
}

/**
 * Signs in, or opens the cache and signs in later. Throws what `authenticate` throws, then or later, DISK_FULL, and
 * DISK_UNWRITABLE, also where others have a hand in the cache.
 */
export async function openImage(request: ImageRequest): Promise<ImageSession> {
  const { cacheDirectory, cacheMaxBytes } = request;
  return cacheDirectory === undefined
    ? await authenticate(request)
    : cachedSession(request, openCache(cacheDirectory, cacheMaxBytes));
}

function cachedSession(request: ImageRequest, cache: ImageCache<UnpackReport>): ImageSession {
  const name = nameIn(request);
  const known = cache.names.find(name);
  const expected = new ExpectedTree(cache, known);
  const late = new LateSession(request);
  const registry = cachedSource({
    source: sourceOf(request, name, { late, expected }),
    blobs: cache.blobs,
    lastDigest: known?.digest,
    fixedDigest: fixedDigest(request, known),
    keepsLayers: request.image.kind === "registry",
    onWait: () => log.info("waiting for another runner, which fetches the same layer"),
  });
  return {
    registry,
    cached: {
      tree: async (image, fill) => {
        const key = keyOf(image.digest);
        const onWait = () => log.info("waiting for another runner, which unpacks the same image");
        return (
          (await expected.take(key)) ??
          (await cache.trees.find(key)) ??
          (await cache.trees.findOrFill(key, fill, onWait))
        );
      },
      dropDamagedLayers: ({ layers }) =>
        cache.blobs.dropDamaged(layers.map(({ descriptor }) => descriptor)),
      remember(image) {
        const [digest = image.digest] = registry.given;
        if (known?.digest === digest) return cache.names.touch(name);
        const layers = image.layers.map(({ descriptor }) => descriptor.digest);
        const blobs = [...new Set([...registry.given, ...layers])];
        cache.names.remember({ ...name, digest, manifest: image.digest, blobs });
      },
      tidy: () => cache.tidy(),
    },
    [Symbol.dispose]: () => late[Symbol.dispose](),
  };
}

/** The image as it was last pulled, where the request has a cache that knows it. */
export function knownImage(request: ImageRequest): KnownImage | undefined {
  const { cacheDirectory, cacheMaxBytes } = request;
  if (cacheDirectory === undefined) return undefined;
  return openCache(cacheDirectory, cacheMaxBytes).names.find(nameIn(request));
}

interface Parts {
  readonly late: LateSession;
  readonly expected: ExpectedTree;
}

function sourceOf(
  { pullPolicy }: ImageRequest,
  { name }: ImageName,
  { late, expected }: Parts,
): ImageSource {
  if (pullPolicy === "never") return nowhere(name, `${nameOf("pullPolicy")} is never`);
  return {
    async digest() {
      const { registry } = await late.open();
      return await expected.lookDuring(registry.digest());
    },
    manifest: async (digest) => (await late.open()).registry.manifest(digest),
    blob: async (descriptor) => (await late.open()).registry.blob(descriptor),
  };
}

/** What the name stands for without asking anybody, if that is so. */
function fixedDigest({ image, pullPolicy }: ImageRequest, known: KnownImage | undefined) {
  const pinned = image.kind === "registry" ? image.reference.digest : undefined;
  return pinned ?? (pullPolicy === "always" ? undefined : known?.digest);
}

function nameIn({ image, platform }: ImageRequest): ImageName {
  return { name: formatImageName(image), platform: formatPlatform(platform) };
}

function keyOf(manifest: Digest): TreeKey {
  return { manifest, ...serverIdentity() };
}

/** A session that begins when it is first needed. */
class LateSession implements Disposable {
  readonly #request: ImageRequest;
  #opening: Promise<Session> | undefined;
  #session: Session | undefined;

  constructor(request: ImageRequest) {
    this.#request = request;
  }

  open(): Promise<Session> {
    this.#opening ??= authenticate(this.#request).then((session) => (this.#session = session));
    return this.#opening;
  }

  [Symbol.dispose](): void {
    this.#session?.[Symbol.dispose]();
  }
}

/** The tree that will be wanted if the image's name still stands for the same: looked at while the registry is asked. */
class ExpectedTree {
  readonly #cache: ImageCache<UnpackReport>;
  readonly #key: TreeKey | undefined;
  #finding: Promise<Tree | undefined> | undefined;

  constructor(cache: ImageCache<UnpackReport>, known: KnownImage | undefined) {
    this.#cache = cache;
    this.#key = known && keyOf(known.manifest);
  }

  /** Waits for the answer, and looks at the tree in the meantime. */
  async lookDuring<Answer>(answer: Promise<Answer>): Promise<Answer> {
    let isOver = false;
    if (this.#key !== undefined) this.#finding = this.#find(this.#key, () => isOver);
    try {
      return await answer;
    } finally {
      isOver = true;
    }
  }

  /** The tree, if it is the one that is wanted, and was found. */
  async take({ manifest }: TreeKey): Promise<Tree | undefined> {
    const tree = await this.#finding;
    if (this.#key?.manifest === manifest) return tree;
    tree?.lease[Symbol.dispose]();
    return undefined;
  }

  async #find(key: TreeKey, isOver: () => boolean): Promise<Tree | undefined> {
    // The question is on its way by then.
    await nextTurn();
    return await this.#cache.trees.find(key, isOver).catch(() => undefined);
  }
}
