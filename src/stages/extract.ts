// Stage 4: every layer, verified, becomes one directory: complete or absent. For a server, the way it will be run is
// decided here, by the files that are there now, and in overlay its safe paths move to the runner's own root.

import { statfsSync } from "node:fs";
import { join } from "node:path";
import { commandOf } from "../launch/command.ts";
import { environmentOf } from "../launch/environment.ts";
import { applyOverlay } from "../launch/overlay.ts";
import { gatherOverlayEvidence } from "../launch/overlay-evidence.ts";
import { type OverlayPlan, planOverlay } from "../launch/overlay-plan.ts";
import { serverIdentity } from "../launch/ownership.ts";
import { type Probe, probeMachine } from "../launch/probe.ts";
import { type ChosenMode, chooseRunMode } from "../launch/run-mode.ts";
import type { Unkept } from "../layers/unkept.ts";
import { type UnpackReport, unpackLayers } from "../layers/unpack.ts";
import { log } from "../log.ts";
import type { PrivateDirectory } from "../system/private-directory.ts";
import { createProgress } from "./progress.ts";
import type { Session } from "./authenticate.ts";
import type { Image } from "./fetch-config.ts";
import type { ImageRequest, ServerRequest } from "./validate.ts";

/** An image's whole root filesystem, in a private directory that vanishes with the run unless it is kept. */
export interface Rootfs {
  readonly path: string;
  readonly report: UnpackReport;
  readonly milliseconds: number;
}

/** A root filesystem and the way it will be run. In overlay, `path` holds what did not move. */
export interface PlacedRootfs extends Rootfs, ChosenMode {
  readonly probe: Probe;
}

/** Throws LAYER_*, LIMIT_EXCEEDED, DIGEST_MISMATCH, DISK_* and what the registry throws. */
export async function extract(
  { registry }: Session,
  { reference, layers }: Image,
  { limits }: ImageRequest,
  directory: PrivateDirectory,
): Promise<Rootfs> {
  const started = performance.now();
  const path = join(directory.path, "rootfs");
  const sources = layers.map((layer) => ({
    ...layer,
    open: () => registry.blob(reference, layer.descriptor.digest),
  }));
  const size = layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  const progress = createProgress(layers.length, size);
  const report = await unpackLayers(sources, path, {
    limits: { ...limits, diskBytes: roomIn(directory.path) },
    onBytes: progress.advance,
    onLayer: progress.layerDone,
  }).finally(progress.end);
  const milliseconds = Math.round(performance.now() - started);
  tell(report, milliseconds);
  return { path, report, milliseconds };
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

/** Throws RUN_MODE_UNAVAILABLE, COMMAND_MISSING and DISK_*. */
export async function place(
  rootfs: Rootfs,
  image: Image,
  request: ServerRequest,
): Promise<PlacedRootfs> {
  const probe = await probeMachine({ searchPath: request.host["PATH"] ?? "" });
  const plan = planOverlay(rootfs.path);
  const chosen = chooseRunMode(request.runMode, probe, () => evidence(plan, image, request));
  log.info(`run mode ${chosen.mode}: ${chosen.reason}`);
  if (chosen.mode === "overlay") moveSafePaths(plan);
  return { ...rootfs, ...chosen, probe };
}

function evidence(plan: OverlayPlan, { config }: Image, request: ServerRequest) {
  const { serverArguments, serverEnvironment, mcpTransport, mcpHost, mcpPath, port } = request;
  const environment = environmentOf({
    imageEnv: config.env,
    serverEnvironment,
    transport: mcpTransport,
    host: mcpHost,
    path: mcpPath,
    port,
  });
  return gatherOverlayEvidence(plan, commandOf({ ...config, serverArguments }), {
    searchPath: environment["PATH"] ?? "",
    workingDirectory: config.workingDir,
    identity: serverIdentity(),
  });
}

function moveSafePaths(plan: OverlayPlan): void {
  const { kept, leftOut } = applyOverlay(plan, serverIdentity());
  log.info("moved the safe paths to the runner's root", {
    kept: kept.map(({ path }) => path).join(" "),
    entries: kept.reduce((sum, { entries }) => sum + entries, 0),
    bytes: kept.reduce((sum, { bytes }) => sum + bytes, 0),
    leftOut: leftOut.length,
  });
  for (const { path, why } of leftOut) log.info(`${path} is left out: it ${why}`);
}
