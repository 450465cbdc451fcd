// Where stages 3 and 4 find an image: in a registry, and before it in the cache, where there is one. With a cache the
// registry is asked as seldom as PULL_POLICY allows, and signed in to only when there is something to ask.

import { resolve } from "node:path";
import { cachedSource, nowhere } from "../cache/cached-source.ts";
import { type ImageCache, openCache } from "../cache/image-cache.ts";
import type { ImageName, KnownImage } from "../cache/names.ts";
import type { TreeKey } from "../cache/trees.ts";
import { reasonOf } from "../errors.ts";
import { serverIdentity } from "../launch/ownership.ts";
import type { UnpackReport } from "../layers/unpack.ts";
import { log } from "../log.ts";
import type { Digest } from "../oci/digest.ts";
import { formatImageName } from "../oci/image-name.ts";
import { formatPlatform } from "../oci/platform.ts";
import { nameOf } from "../read-settings.ts";
import { startDeadline } from "../registry/deadline.ts";
import type { ImageSource } from "../registry/registry.ts";
import { authenticate } from "./authenticate.ts";
import { ExpectedTree, type Tree } from "./expected-tree.ts";
import type { Image } from "./fetch-config.ts";
import { LateSession } from "./late-session.ts";
import type { ImageRequest } from "./validate.ts";

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
  /** Removes all that can be spared: the disk is full. */
  makeRoom(): Promise<void>;
}

export interface ImageUse {
  /** The image's tree may be the cache's. */
  readonly mayShare: boolean;
}

/** A registry is not waited for as long where its image can start without it. */
const TRIES_BEFORE_OFFLINE = 3;

/**
 * Signs in, or opens the cache and signs in later. Throws what `authenticate` throws, then or later, DISK_FULL, and
 * DISK_UNWRITABLE, also where others have a hand in the cache.
 */
export async function openImage(request: ImageRequest, use: ImageUse): Promise<ImageSession> {
  const { cacheDirectory, cacheMaxBytes } = request;
  return cacheDirectory === undefined
    ? await authenticate(request)
    : cachedSession(request, openCache(cacheDirectory, cacheMaxBytes), use);
}

function cachedSession(
  request: ImageRequest,
  cache: ImageCache<UnpackReport>,
  { mayShare }: ImageUse,
): ImageSession {
  const name = nameIn(request);
  const known = cache.names.find(name);
  const expected = new ExpectedTree(
    cache.trees,
    mayShare && known !== undefined ? keyOf(known.manifest) : undefined,
  );
  const late = new LateSession(request, triesFor(request, known));
  // A runner that is waited for counts as the registry does.
  const deadline = startDeadline(formatImageName(request.image), request.pullTimeout * 1000);
  const { signal } = deadline;
  const registry = cachedSource({
    source: sourceOf(request, name, { late, expected }),
    blobs: cache.blobs,
    lastDigest: known?.digest,
    fixedDigest: fixedDigest(request, known),
    keepsLayers: request.image.kind === "registry",
    maxManifestBytes: request.maxManifestBytes,
    wait: {
      onWait: () => log.info("waiting for another runner, which fetches the same layer"),
      signal,
    },
  });
  return {
    registry,
    cached: {
      tree: (image, fill) => findTree(cache, expected, { key: keyOf(image.digest), fill, signal }),
      dropDamagedLayers: ({ layers }) =>
        cache.blobs.dropDamaged(layers.map(({ descriptor }) => descriptor)),
      remember(image) {
        const [digest = image.digest] = registry.given;
        if (known?.digest === digest) return cache.names.touch(name);
        const layers = image.layers.map(({ descriptor }) => descriptor.digest);
        const blobs = [...new Set([...registry.given, ...layers])];
        cache.names.remember({ ...name, digest, manifest: image.digest, blobs });
      },
      tidy: () => tidied(cache.tidy()),
      makeRoom: () => tidied(cache.makeRoom()),
    },
    [Symbol.dispose]() {
      deadline.clear();
      late[Symbol.dispose]();
    },
  };
}

// The image is there by then: what lies about in the cache is no reason not to start it.
async function tidied(tidying: Promise<void>): Promise<void> {
  try {
    await tidying;
  } catch (error) {
    log.warn(`the cache could not be tidied: ${reasonOf(error)}`);
  }
}

interface WantedTree {
  readonly key: TreeKey;
  readonly signal: AbortSignal | undefined;
  fill(root: string): Promise<UnpackReport>;
}

async function findTree(
  { trees }: ImageCache<UnpackReport>,
  expected: ExpectedTree,
  { key, fill, signal }: WantedTree,
): Promise<Tree> {
  const onWait = () => log.info("waiting for another runner, which unpacks the same image");
  return (
    (await expected.take(key)) ??
    (await trees.find(key)) ??
    (await trees.findOrFill(key, fill, { onWait, signal }))
  );
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

function triesFor(
  { pullPolicy, offlineStart }: ImageRequest,
  known: KnownImage | undefined,
): number | undefined {
  const canDoWithout = pullPolicy === "always" && offlineStart === "1" && known !== undefined;
  return canDoWithout ? TRIES_BEFORE_OFFLINE : undefined;
}

function nameIn({ image, platform }: ImageRequest): ImageName {
  // A relative path is another image in another directory.
  const whole = image.kind === "registry" ? image : { ...image, path: resolve(image.path) };
  return { name: formatImageName(whole), platform: formatPlatform(platform) };
}

function keyOf(manifest: Digest): TreeKey {
  return { manifest, ...serverIdentity() };
}
