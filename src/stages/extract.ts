// Stage 4: every layer, verified, becomes one directory: complete or absent.

import { dirname, join } from "node:path";
import { RunnerError } from "../errors.ts";
import { giveTree, serverIdentity } from "../launch/ownership.ts";
import type { SettableLimits } from "../layers/limits.ts";
import { type UnpackReport, unpackLayers } from "../layers/unpack.ts";
import type { Unkept } from "../layers/unkept.ts";
import { log } from "../log.ts";
import { roomIn } from "../system/disk-room.ts";
import type { PrivateDirectory } from "../system/private-directory.ts";
import type { Image } from "./fetch-config.ts";
import type { ImageSession, ImageUse, SessionCache } from "./image-session.ts";
import { createProgress, type PullState } from "./progress.ts";
import type { ImageRequest } from "./validate.ts";

/** An image's whole root filesystem: in a private directory that vanishes with the run, or in the cache. */
export interface Rootfs {
  readonly path: string;
  /**
   * It is the cache's and may serve other runs at this moment: given to the server's user already, and never to be
   * moved, given away or written.
   */
  readonly shared: boolean;
  /** Keeps a shared tree from eviction for as long as this process lives, through execve; dispose it after copying. */
  readonly lease?: Disposable;
  readonly report: UnpackReport;
  readonly milliseconds: number;
}

export interface ExtractOptions extends ImageUse {
  readonly directory: PrivateDirectory;
  /** The paths whose files are wanted; all of them by default, and in the cache. */
  readonly contentOf?: readonly string[] | undefined;
  readonly onState?: (state: PullState) => void;
}

/** Throws LAYER_*, LIMIT_EXCEEDED, DIGEST_MISMATCH, DISK_* and what the registry throws. */
export async function extract(
  session: ImageSession,
  image: Image,
  { limits }: ImageRequest,
  { directory, contentOf, mayShare, onState }: ExtractOptions,
): Promise<Rootfs> {
  const started = performance.now();
  const { cached } = session;
  const rootfs =
    cached !== undefined && mayShare
      ? await sharedTree(cached, image, (root) => unpack(session, image, { root, limits, onState }))
      : await ownTree(directory, (root) =>
          unpack(session, image, { root, limits, contentOf, onState }),
        );
  cached?.remember(image);
  const milliseconds = Math.round(performance.now() - started);
  tell(rootfs, milliseconds);
  if (rootfs.isNew) await cached?.tidy();
  return { ...rootfs, milliseconds };
}

type Unpacked = Omit<Rootfs, "milliseconds"> & { readonly isNew: boolean };
type Fill = (root: string) => Promise<UnpackReport>;

async function ownTree(directory: PrivateDirectory, fill: Fill): Promise<Unpacked> {
  const path = join(directory.path, "rootfs");
  return { path, shared: false, report: await fill(path), isNew: true };
}

async function sharedTree(cached: SessionCache, image: Image, fill: Fill): Promise<Unpacked> {
  let isNew = false;
  const tree = await cached.tree(image, async (root) => {
    isNew = true;
    const report = await fill(root);
    // Once and for all starts: nobody may change it afterwards.
    if (process.geteuid?.() === 0) giveTree(root, serverIdentity());
    return report;
  });
  return { ...tree, shared: true, isNew };
}

interface UnpackTarget {
  readonly root: string;
  readonly limits: SettableLimits;
  readonly contentOf?: readonly string[] | undefined;
  readonly onState?: ((state: PullState) => void) | undefined;
}

async function unpack(
  session: ImageSession,
  image: Image,
  target: UnpackTarget,
): Promise<UnpackReport> {
  try {
    return await unpackOnce(session, image, target);
  } catch (error) {
    const { cached } = session;
    if (cached === undefined || !(await mendCache(cached, image, error))) throw error;
    return await unpackOnce(session, image, target);
  }
}

/** Takes away what may be the cache's fault in a failure; false where there is nothing of the kind. */
async function mendCache(cached: SessionCache, image: Image, error: unknown): Promise<boolean> {
  if (!(error instanceof RunnerError)) return false;
  if (error.code === "DISK_FULL") {
    log.warn("the disk is full: what the cache can spare is removed");
    await cached.makeRoom();
    return true;
  }
  if (error.code !== "DIGEST_MISMATCH") return false;
  const layers = await cached.dropDamagedLayers(image);
  if (layers > 0) log.warn("the cache is damaged: layers are fetched again", { layers });
  return layers > 0;
}

async function unpackOnce(
  { registry }: ImageSession,
  { layers }: Image,
  { root, limits, contentOf, onState }: UnpackTarget,
): Promise<UnpackReport> {
  const sources = layers.map((layer) => ({
    ...layer,
    open: () => registry.blob(layer.descriptor),
  }));
  const size = layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  const progress = createProgress(layers.length, size, onState);
  return await unpackLayers(sources, root, {
    contentOf,
    limits: { ...limits, diskBytes: roomIn(dirname(root)) },
    onBytes: progress.advance,
    onLayer: progress.layerDone,
  }).finally(progress.end);
}

// What a server may miss although it was in the image.
const LIKELY_TO_MATTER: Readonly<Partial<Record<Unkept["kind"], string>>> = {
  capability:
    "files lose their capabilities: a program that binds low ports or sends pings may fail",
  setuid: "setuid and setgid bits are gone: programs such as su and sudo will not work",
};

function tell({ report, isNew }: Unpacked, milliseconds: number): void {
  const { layers, entries, bytes, unkept } = report;
  const what = isNew ? "unpacked the image" : "the image is unpacked already";
  log.info(what, { layers: layers.length, entries, bytes, milliseconds });
  for (const { kind, count, examples } of unkept) {
    const fields = { count, examples: examples.join(" ") };
    const consequence = LIKELY_TO_MATTER[kind];
    if (consequence === undefined) log.debug(`not kept: ${kind}`, fields);
    else log.info(consequence, fields);
  }
}
