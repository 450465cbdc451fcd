// What this machine offers the runner, gathered for `doctor`. Knows nothing of how it is told.

import { ERRORS, RunnerError, reasonOf } from "../errors.ts";
import { type Probe, probeMachine } from "../launch/probe.ts";
import { chooseRunMode, type RunMode, type RunModeChoice } from "../launch/run-mode.ts";
import { hostPlatform, formatPlatform } from "../oci/platform.ts";
import {
  hostEnvironmentOf,
  readSettings,
  refuseProblems,
  type SettingSources,
} from "../read-settings.ts";
import type { SettingName } from "../settings.ts";
import { readBaked } from "../stages/baked.ts";
import { credentialSources } from "../stages/credentials.ts";
import { mirrorNames } from "../stages/networks.ts";
import { existingAncestor, isWritable } from "../system/private-directory.ts";
import { findProgram } from "../system/programs.ts";
import { workDirectory } from "../system/run-directory.ts";
import { commit, version } from "../version.ts";

export const DOCTOR_SETTINGS = [
  "registryUser",
  "registryClient",
  "registryMirrors",
  "runMode",
  "workDirectory",
  "cacheDirectory",
  "logLevel",
  "logFormat",
] as const satisfies readonly SettingName[];

export interface Diagnosis {
  readonly version: string;
  readonly commit: string;
  readonly platform: string;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly registryClient: { readonly client: string; readonly why: string };
  /** For each registry that has some, in the order in which they are asked. */
  readonly mirrors: Readonly<Record<string, readonly string[]>>;
  /** Where credentials are looked for, first things first; what is there has not been read. */
  readonly credentials: readonly string[];
  readonly workDirectory: Place;
  /** Absent where nothing is kept. */
  readonly cache?: Place;
  /** The image that this root is, or what is wrong with its description; absent where it is none. */
  readonly baked?: BakedDiagnosis;
  readonly runMode: ModeDiagnosis;
  readonly probe: Probe;
}

export interface Place {
  readonly path: string;
  readonly writable: boolean;
}

export type BakedDiagnosis =
  | { readonly image: string; readonly digest: string }
  | { readonly problem: string };

/**
 * The mode that RUN_MODE leads to, here: with `auto` for an image that needs all of its root, which is what depends on
 * the machine.
 */
export type ModeDiagnosis = { readonly asked: RunModeChoice } & (
  | { readonly mode: RunMode; readonly reason: string }
  | { readonly problem: string; readonly hint?: string }
);

/** Changes nothing that outlives it. Throws INPUT_INVALID for settings that are wrong in themselves. */
export async function diagnose(sources: SettingSources): Promise<Diagnosis> {
  const { settings, problems } = readSettings(DOCTOR_SETTINGS, sources);
  refuseProblems(problems);
  const host = hostEnvironmentOf(sources.environment);
  const { registryUser, registryClient, cacheDirectory, runMode } = settings;
  const mirrors = mirrorNames(settings);
  const crane = findProgram("crane", host["PATH"]);
  const work = workDirectory({ configured: settings.workDirectory, environment: host });
  const probe = await probeMachine({
    searchPath: host["PATH"] ?? "",
    directory: existingAncestor(work),
  });
  return {
    version,
    commit,
    platform: formatPlatform(hostPlatform()),
    user: { uid: process.geteuid?.() ?? -1, gid: process.getegid?.() ?? -1 },
    registryClient: registryClientOf(registryClient, crane, mirrors),
    mirrors,
    credentials: await credentialSources({ registryUser, host }),
    workDirectory: placeAt(work),
    ...(cacheDirectory === undefined ? {} : { cache: placeAt(cacheDirectory) }),
    ...(await bakedImage()),
    runMode: modeFor(runMode, probe),
    probe,
  };
}

const UNDECIDED = "that is for images whose command needs nothing but the safe paths";

function modeFor(asked: RunModeChoice, probe: Probe): ModeDiagnosis {
  const { baked } = probe.modes;
  if (asked === "auto" && baked.works) return { asked, mode: "baked", reason: baked.detail };
  try {
    const { mode, reason } = chooseRunMode(asked, probe, () => ({ grade: "none", why: UNDECIDED }));
    return { asked, mode, reason };
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    // The table's own next step is this command.
    const isOwn = error.hint === ERRORS[error.code].hint;
    return { asked, problem: error.message, ...(isOwn ? {} : { hint: error.hint }) };
  }
}

async function bakedImage(): Promise<{ readonly baked?: BakedDiagnosis }> {
  try {
    const baked = await readBaked();
    return baked === undefined ? {} : { baked: { image: baked.image, digest: baked.digest } };
  } catch (error) {
    return { baked: { problem: reasonOf(error) } };
  }
}

function placeAt(path: string): Place {
  return { path, writable: isWritable(existingAncestor(path)) };
}

// Which one it is can depend on the image's registry, and here there is none.
function registryClientOf(
  asked: string,
  crane: string | undefined,
  mirrors: Diagnosis["mirrors"],
): Diagnosis["registryClient"] {
  if (asked === "builtin") return { client: "builtin", why: "REGISTRY_CLIENT asks for it" };
  if (crane === undefined) {
    return asked === "crane"
      ? { client: "none", why: "REGISTRY_CLIENT asks for crane, which is not on PATH" }
      : { client: "builtin", why: "crane is not on PATH" };
  }
  const mirrored = Object.keys(mirrors);
  const beyondCrane = [
    "on private addresses",
    "that want a client certificate",
    ...(mirrored.length === 0 ? [] : [`that have mirrors (${mirrored.join(", ")})`]),
  ].join(", or ");
  const why =
    asked === "crane"
      ? `REGISTRY_CLIENT asks for it, and it is at ${crane}; registries ${beyondCrane} are refused`
      : `it is at ${crane}; registries ${beyondCrane} are asked by the built-in client`;
  return { client: "crane", why };
}
