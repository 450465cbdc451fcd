// The six stages in their order. Nothing else decides what happens when.

import type { Stage } from "./errors.ts";
import type { BakedImage } from "./oci/baked-image.ts";
import { bake, planBaked } from "./stages/baked.ts";
import { dropPrivileges } from "./stages/drop-privileges.ts";
import { execute } from "./stages/execute.ts";
import { extract, type ExtractOptions, type Rootfs } from "./stages/extract.ts";
import { fetchConfig, type Image } from "./stages/fetch-config.ts";
import { beforeGateway, type Gateway } from "./stages/gateway.ts";
import { openImage } from "./stages/image-session.ts";
import { requestWithoutRegistry } from "./stages/outage.ts";
import { place, requireAskedMode, surveyMachine, wantedContent } from "./stages/place.ts";
import type { BakedRequest, ImageRequest, PullRequest, ServerRequest } from "./stages/validate.ts";
import { decideWay, launchRequestFor } from "./stages/way.ts";
import { openDestination } from "./system/destination.ts";
import { runDirectory, workDirectory } from "./system/run-directory.ts";

export interface Pulled {
  readonly image: Image;
  readonly rootfs: Rootfs;
  readonly destination: string;
}

type Extracted = Pick<Pulled, "image" | "rootfs">;

/**
 * Stages 2 to 6, after 1: becomes the server, or serves it. Returns the exit status to end with, and only where the
 * runner has to stay. `runner` is what starts this program again.
 */
export async function runImage(request: ServerRequest, runner: readonly string[]): Promise<number> {
  return await beforeGateway(request, (gateway) => startImage(request, { runner, gateway }));
}

interface Surroundings {
  readonly runner: readonly string[];
  readonly gateway: Gateway | undefined;
}

async function startImage(
  request: ServerRequest,
  { runner, gateway }: Surroundings,
): Promise<number> {
  const parent = workDirectory({ configured: request.workDirectory, environment: request.host });
  // execve leaves the directory in place, for the server's root is in it; every other way out removes it.
  using directory = runDirectory(parent);
  const probing = surveyMachine(request, parent);
  await requireAskedMode(request, probing);
  const { image, rootfs } = await pullInto(request, {
    directory,
    contentOf: wantedContent(request),
    mayShare: true,
    ...gateway?.follower,
  });
  gateway?.enter("drop-privileges");
  const way = decideWay(image.config, request);
  const launch = launchRequestFor(request, way);
  const placed = await place(rootfs, image, launch, await probing);
  const plan = dropPrivileges(
    {
      root: placed.path,
      mode: placed.mode,
      reason: placed.reason,
      ...(placed.shared ? { scratch: directory.path } : {}),
    },
    image.config,
    launch,
    placed.probe,
  );
  if (plan.mode === "overlay") {
    directory[Symbol.dispose]();
    rootfs.lease?.[Symbol.dispose]();
  }
  return await execute(plan, { runner, searchPath: request.host["PATH"] ?? "", way, gateway });
}

/** Stages 5 and 6, after 1, where the others have happened in a build: becomes or serves the root's own image. */
export async function runBaked(
  baked: BakedImage,
  request: BakedRequest,
  runner: readonly string[],
): Promise<number> {
  return await beforeGateway(request, async (gateway) => {
    const way = decideWay(baked.config, request);
    const plan = planBaked(baked, launchRequestFor(request, way));
    return await execute(plan, { runner, searchPath: request.host["PATH"] ?? "", way, gateway });
  });
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

interface PullOptions extends ExtractOptions {
  readonly onStage?: (stage: Stage) => void;
  readonly onImage?: (image: Image) => void;
}

async function pullInto(request: ImageRequest, options: PullOptions): Promise<Extracted> {
  try {
    return await pullNow(request, options);
  } catch (error) {
    return await pullNow(requestWithoutRegistry(request, error), options);
  }
}

async function pullNow(request: ImageRequest, options: PullOptions): Promise<Extracted> {
  options.onStage?.("authenticate");
  using session = await openImage(request, options);
  options.onStage?.("fetch-config");
  const image = await fetchConfig(session, request);
  options.onImage?.(image);
  options.onStage?.("extract");
  return { image, rootfs: await extract(session, image, request, options) };
}
