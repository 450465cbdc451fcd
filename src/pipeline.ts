// The six stages in their order. Nothing else decides what happens when.

import type { BakedImage } from "./oci/baked-image.ts";
import { bake, planBaked } from "./stages/baked.ts";
import { dropPrivileges } from "./stages/drop-privileges.ts";
import { execute } from "./stages/execute.ts";
import { extract, type ExtractOptions, type Rootfs } from "./stages/extract.ts";
import { fetchConfig, type Image } from "./stages/fetch-config.ts";
import { openImage } from "./stages/image-session.ts";
import { requestWithoutRegistry } from "./stages/outage.ts";
import { place, requireAskedMode, surveyMachine, wantedContent } from "./stages/place.ts";
import type { BakedRequest, ImageRequest, PullRequest, ServerRequest } from "./stages/validate.ts";
import { openDestination } from "./system/destination.ts";
import { runDirectory, workDirectory } from "./system/run-directory.ts";

export interface Pulled {
  readonly image: Image;
  readonly rootfs: Rootfs;
  readonly destination: string;
}

type Extracted = Pick<Pulled, "image" | "rootfs">;

/**
 * Stages 2 to 6, after 1: becomes the server. Returns the server's exit status only where the runner has to stay.
 * `runner` is what starts this program again.
 */
export async function runImage(request: ServerRequest, runner: readonly string[]): Promise<number> {
  const parent = workDirectory({ configured: request.workDirectory, environment: request.host });
  // execve leaves the directory in place, for the server's root is in it; every other way out removes it.
  using directory = runDirectory(parent);
  const probing = surveyMachine(request, parent);
  await requireAskedMode(request, probing);
  const { image, rootfs } = await pullInto(request, {
    directory,
    contentOf: wantedContent(request),
    mayShare: true,
  });
  const placed = await place(rootfs, image, request, await probing);
  const plan = dropPrivileges(
    {
      root: placed.path,
      mode: placed.mode,
      reason: placed.reason,
      ...(placed.shared ? { scratch: directory.path } : {}),
    },
    image.config,
    request,
    placed.probe,
  );
  if (plan.mode === "overlay") {
    directory[Symbol.dispose]();
    rootfs.lease?.[Symbol.dispose]();
  }
  return await execute(plan, { runner, searchPath: request.host["PATH"] ?? "" });
}

/** Stages 5 and 6, after 1, where the others have happened in a build: becomes the server of the root's own image. */
export async function runBaked(
  baked: BakedImage,
  request: BakedRequest,
  runner: readonly string[],
): Promise<number> {
  const plan = planBaked(baked, request);
  return await execute(plan, { runner, searchPath: request.host["PATH"] ?? "" });
}

/** Stages 2 and 3, after 1: an image's config, nothing of its files. */
export async function fetchImage(request: ImageRequest): Promise<Image> {
  using session = await openImage(request, { mayShare: false });
  return await fetchConfig(session, request);
}

/** Stages 2 to 4, after 1, into a directory that is empty or absent before. */
export async function pullImage(request: PullRequest): Promise<Pulled> {
  const destination = openDestination(request.destination);
  using staging = destination.staging;
  const { image, rootfs } = await pullInto(request, { directory: staging, mayShare: false });
  if (request.bake) bake(rootfs.path, image);
  destination.commit(rootfs.path);
  return { image, rootfs, destination: destination.path };
}

async function pullInto(request: ImageRequest, options: ExtractOptions): Promise<Extracted> {
  try {
    return await pullNow(request, options);
  } catch (error) {
    return await pullNow(requestWithoutRegistry(request, error), options);
  }
}

async function pullNow(request: ImageRequest, options: ExtractOptions): Promise<Extracted> {
  using session = await openImage(request, options);
  const image = await fetchConfig(session, request);
  return { image, rootfs: await extract(session, image, request, options) };
}
