// The end of stage 4, for a server: the way it will be run is decided by the files that are there now, and in overlay
// its safe paths move to the runner's own root.

import { join } from "node:path";
import { reasonOf } from "../errors.ts";
import { commandOf } from "../launch/command.ts";
import { applyOverlay } from "../launch/overlay.ts";
import { gatherOverlayEvidence } from "../launch/overlay-evidence.ts";
import { type OverlayPlan, planOverlay } from "../launch/overlay-plan.ts";
import { serverIdentity } from "../launch/ownership.ts";
import { rememberPlaced, removePlaced } from "../launch/placed-files.ts";
import { type Probe, probeMachine } from "../launch/probe.ts";
import {
  type ChosenMode,
  chooseRunMode,
  type OverlayEvidence,
  requireRunMode,
} from "../launch/run-mode.ts";
import { SAFE_PATHS } from "../launch/safe-paths.ts";
import { log } from "../log.ts";
import { sweepRunDirectories, workDirectory } from "../system/run-directory.ts";
import { variablesOf } from "./drop-privileges.ts";
import type { Rootfs } from "./extract.ts";
import type { Image } from "./fetch-config.ts";
import type { ServerRequest } from "./validate.ts";

const EXPOSED =
  "in run mode loader nothing separates the server from this machine: it sees all files here that its user may see, and programs that it starts are this machine's";

/** More lines than this about what stayed behind would hide the rest of the log. */
const MAX_TOLD = 20;

/**
 * A root filesystem and the way it will be run. In overlay, `path` holds what did not move: all of it, where it is
 * shared.
 */
export interface PlacedRootfs extends Rootfs, ChosenMode {
  readonly probe: Probe;
}

/** What a run in overlay mode needs of an image: the safe paths, and the file that names homes. */
export function wantedContent({ runMode }: ServerRequest): readonly string[] | undefined {
  return runMode === "overlay" ? [...SAFE_PATHS, "/etc/passwd"] : undefined;
}

/**
 * Finds out what works here and removes what dead runs left below `parent`. It needs nothing of the image, so that it
 * can go on while that is fetched.
 */
export function surveyMachine({ host }: ServerRequest, parent: string): Promise<Probe> {
  const surveying = survey(host["PATH"] ?? "", parent);
  // Whoever awaits it hears of a failure; when nobody does, because the image could not be had, that is told instead.
  surveying.catch(() => {});
  return surveying;
}

async function survey(searchPath: string, parent: string): Promise<Probe> {
  const probe = await probeMachine({ searchPath, directory: parent });
  const options = { exclusive: probe.ownsRoot };
  for (const path of await sweepRunDirectories(parent, options))
    log.warn(`${path}, which an earlier run left, cannot be removed`);
  return probe;
}

/**
 * Refuses a mode that was asked for and does not work here, before anything is pulled: only `auto` has to look at the
 * image. Throws RUN_MODE_UNAVAILABLE.
 */
export async function requireAskedMode(
  { runMode }: ServerRequest,
  surveying: Promise<Probe>,
): Promise<void> {
  if (runMode !== "auto") requireRunMode(runMode, await surveying);
}

/** Throws RUN_MODE_UNAVAILABLE, COMMAND_MISSING and DISK_*. */
export async function place(
  rootfs: Rootfs,
  image: Image,
  request: ServerRequest,
  probe: Probe,
): Promise<PlacedRootfs> {
  const record = recordPath(request);
  if (probe.modes.overlay.works) removePlaced(record);
  const plan = planOverlay(rootfs.path);
  const chosen = chooseRunMode(request.runMode, probe, () => evidence(plan, image, request));
  log[chosen.fallback ? "warn" : "info"](`run mode ${chosen.mode}: ${chosen.reason}`);
  if (chosen.mode === "loader") log.warn(EXPOSED);
  if (chosen.mode === "overlay") await moveSafePaths(plan, record, rootfs);
  return { ...rootfs, ...chosen, probe };
}

function evidence(plan: OverlayPlan, { config }: Image, request: ServerRequest): OverlayEvidence {
  const { serverArguments } = request;
  return gatherOverlayEvidence(plan, commandOf({ ...config, serverArguments }), {
    searchPath: variablesOf(config, request)["PATH"] ?? "",
    workingDirectory: config.workingDir,
    identity: serverIdentity(),
  });
}

async function moveSafePaths(plan: OverlayPlan, record: string, { shared }: Rootfs): Promise<void> {
  const { kept, leftOut, placed } = await applyOverlay(plan, serverIdentity(), { shared });
  log.info(`${shared ? "copied" : "moved"} the safe paths to the runner's root`, {
    kept: kept.map(({ path }) => path).join(" "),
    entries: kept.reduce((sum, { entries }) => sum + entries, 0),
    bytes: kept.reduce((sum, { bytes }) => sum + bytes, 0),
    leftOut: leftOut.length,
  });
  for (const { path, why } of leftOut.slice(0, MAX_TOLD)) {
    log.info(`${path} is left out: it ${why}`);
  }
  try {
    rememberPlaced(record, placed);
  } catch (error) {
    log.warn(`a restart of this container will find its files in its way: ${reasonOf(error)}`);
  }
}

// Where the server, which is not root then, cannot write; and where only its own user is concerned, beside its files.
function recordPath({ workDirectory: configured, host }: ServerRequest): string {
  return process.geteuid?.() === 0
    ? "/etc/fastmcp-runner/placed.json"
    : join(workDirectory({ configured, environment: host }), "placed.json");
}
