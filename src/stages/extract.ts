// Stage 4: every layer, verified, becomes one directory: complete or absent.

import { statfsSync } from "node:fs";
import { join } from "node:path";
import { type UnpackReport, unpackLayers } from "../layers/unpack.ts";
import type { Unkept } from "../layers/unkept.ts";
import { log } from "../log.ts";
import type { PrivateDirectory } from "../system/private-directory.ts";
import type { Session } from "./authenticate.ts";
import type { Image } from "./fetch-config.ts";
import { createProgress } from "./progress.ts";
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

export interface ExtractOptions {
  readonly directory: PrivateDirectory;
  /** The paths whose files are wanted; all of them by default. */
  readonly contentOf?: readonly string[] | undefined;
}

/** Throws LAYER_*, LIMIT_EXCEEDED, DIGEST_MISMATCH, DISK_* and what the registry throws. */
export async function extract(
  { registry }: Session,
  { layers }: Image,
  { limits }: ImageRequest,
  { directory, contentOf }: ExtractOptions,
): Promise<Rootfs> {
  const started = performance.now();
  const path = join(directory.path, "rootfs");
  const sources = layers.map((layer) => ({
    ...layer,
    open: () => registry.blob(layer.descriptor),
  }));
  const size = layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  const progress = createProgress(layers.length, size);
  const report = await unpackLayers(sources, path, {
    contentOf,
    limits: { ...limits, diskBytes: roomIn(directory.path) },
    onBytes: progress.advance,
    onLayer: progress.layerDone,
  }).finally(progress.end);
  const milliseconds = Math.round(performance.now() - started);
  tell(report, milliseconds);
  return { path, shared: false, report, milliseconds };
}

// A disk that is full to the last byte fails others than us: a twentieth of what is free, or this much, stays free.
const RESERVE_BYTES = 64 * 1024 ** 2;

function roomIn(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  return free - Math.min(free / 20, RESERVE_BYTES);
}

// What a server may miss although it was in the image.
const LIKELY_TO_MATTER: Readonly<Partial<Record<Unkept["kind"], string>>> = {
  capability:
    "files lose their capabilities: a program that binds low ports or sends pings may fail",
  setuid: "setuid and setgid bits are gone: programs such as su and sudo will not work",
};

function tell({ layers, entries, bytes, unkept }: UnpackReport, milliseconds: number): void {
  log.info("unpacked the image", { layers: layers.length, entries, bytes, milliseconds });
  for (const { kind, count, examples } of unkept) {
    const fields = { count, examples: examples.join(" ") };
    const consequence = LIKELY_TO_MATTER[kind];
    if (consequence === undefined) log.debug(`not kept: ${kind}`, fields);
    else log.info(consequence, fields);
  }
}
