// Stage 2 for an image on this machine's disk: nobody is signed in to, but what may be spent on an archive is decided.

import { Budget } from "../layers/limits.ts";
import { log } from "../log.ts";
import type { DiskImageName } from "../oci/image-name.ts";
import { nameOf } from "../read-settings.ts";
import { openDiskImage } from "../registry/disk/open-image.ts";
import { roomIn } from "../system/disk-room.ts";
import { runDirectory, workDirectory } from "../system/run-directory.ts";
import type { Session } from "./authenticate.ts";
import type { ImageRequest } from "./validate.ts";

/**
 * Throws REFERENCE_INVALID, IMAGE_NOT_FOUND, IMAGE_UNSUPPORTED, IMAGE_INVALID, DIGEST_MISMATCH, LIMIT_EXCEEDED,
 * DISK_FULL and DISK_UNWRITABLE.
 */
export async function diskSession(name: DiskImageName, request: ImageRequest): Promise<Session> {
  const { limits, maxManifestBytes, maxConfigBytes, workDirectory: configured } = request;
  if (request.registryUser !== undefined) {
    log.debug(`${nameOf("registryUser")} means nothing to an image on disk`);
  }
  const registry = await openDiskImage(name, {
    createDirectory: () => runDirectory(workDirectory({ configured, environment: request.host })),
    createBudget: (directory) => new Budget({ ...limits, diskBytes: roomIn(directory) }),
    limits,
    maxManifestBytes,
    maxConfigBytes,
    maxLayers: limits.layers,
  });
  log.debug(`the image is on disk: ${await registry.digest()}`);
  return { registry, [Symbol.dispose]: () => registry.close() };
}
