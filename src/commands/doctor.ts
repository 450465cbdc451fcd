// `doctor`: what this machine offers the runner, and why what does not work does not.

import { printable, reasonOf } from "../errors.ts";
import { type Ability, type Probe, probeMachine } from "../launch/probe.ts";
import { hostPlatform, formatPlatform } from "../oci/platform.ts";
import { print, printJson } from "../output.ts";
import { hostEnvironmentOf, readSettings, refuseProblems } from "../read-settings.ts";
import type { SettingName } from "../settings.ts";
import { readBaked } from "../stages/baked.ts";
import { credentialSources } from "../stages/credentials.ts";
import { mirrorNames } from "../stages/networks.ts";
import { findProgram } from "../system/programs.ts";
import { existingAncestor, isWritable } from "../system/private-directory.ts";
import { workDirectory } from "../system/run-directory.ts";
import { commit, version } from "../version.ts";
import type { Command } from "./command.ts";

const DOCTOR_SETTINGS = [
  "registryUser",
  "registryClient",
  "registryMirrors",
  "workDirectory",
  "cacheDirectory",
  "logLevel",
  "logFormat",
] as const satisfies readonly SettingName[];

export const doctor: Command = {
  about: "Tell what this machine offers, and why what does not work does not",
  settings: DOCTOR_SETTINGS,
  json: true,
  async run(inputs) {
    const { settings, problems } = readSettings(DOCTOR_SETTINGS, inputs);
    refuseProblems(problems);
    const host = hostEnvironmentOf(inputs.environment);
    const { registryUser, registryClient, cacheDirectory } = settings;
    const mirrors = mirrorNames(settings);
    const crane = findProgram("crane", host["PATH"]);
    const work = workDirectory({ configured: settings.workDirectory, environment: host });
    const { writable } = placeAt(work);
    const probe = await probeMachine({
      searchPath: host["PATH"] ?? "",
      ...(writable ? { directory: existingAncestor(work) } : {}),
    });
    const diagnosis: Diagnosis = {
      version,
      commit,
      platform: formatPlatform(hostPlatform()),
      user: { uid: process.geteuid?.() ?? -1, gid: process.getegid?.() ?? -1 },
      registryClient: registryClientOf(registryClient, crane, mirrors),
      mirrors,
      credentials: await credentialSources({ registryUser, host }),
      workDirectory: { path: work, writable },
      ...(cacheDirectory === undefined ? {} : { cache: placeAt(cacheDirectory) }),
      ...(await bakedImage()),
      probe,
    };
    if (inputs.json) printJson(diagnosis);
    else print(asText(diagnosis));
    return 0;
  },
};

interface Diagnosis {
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
  readonly probe: Probe;
}

interface Place {
  readonly path: string;
  readonly writable: boolean;
}

type BakedDiagnosis =
  | { readonly image: string; readonly digest: string }
  | { readonly problem: string };

async function bakedImage(): Promise<{ readonly baked?: BakedDiagnosis }> {
  try {
    const baked = await readBaked();
    return baked === undefined ? {} : { baked: { image: baked.image, digest: baked.digest } };
  } catch (error) {
    return { baked: { problem: reasonOf(error) } };
  }
}

function bakedText(baked: BakedDiagnosis): string {
  return "problem" in baked ? baked.problem : `${baked.image} (${baked.digest}), baked`;
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

function asText({ probe, ...diagnosis }: Diagnosis): string {
  const { modes, mounts, tools, dropTool } = probe;
  const lines = [
    `fastmcp-runner ${diagnosis.version} (${diagnosis.commit}) on ${diagnosis.platform}`,
    `user             ${probe.root ? "root: the server will run as 1000:1000" : `${diagnosis.user.uid}:${diagnosis.user.gid}: the server will run as the same`}`,
    `registry client  ${diagnosis.registryClient.client}: ${diagnosis.registryClient.why}`,
    `credentials      ${diagnosis.credentials.join(", ") || "none: neither REGISTRY_USER nor a file of docker's or podman's"}`,
    ...Object.entries(diagnosis.mirrors).map(
      ([registry, names]) => `mirrors          ${names.join(", ")} before ${registry}`,
    ),
    `work directory   ${placeText(diagnosis.workDirectory, "WORK_DIR")}`,
    `cache            ${diagnosis.cache === undefined ? "none: without CACHE_DIR every start pulls the image" : placeText(diagnosis.cache, "CACHE_DIR")}`,
    ...(diagnosis.baked === undefined ? [] : [`root             ${bakedText(diagnosis.baked)}`]),
    "run modes",
    ...rows(modes),
    "tools",
    ...rows({ ...tools, "su-exec": dropToolAbility(probe.root, dropTool), mounts }),
  ];
  return lines.map(printable).join("\n");
}

function placeText({ path, writable }: Place, setting: string): string {
  return writable ? path : `${path} may not be written by this user; set ${setting}`;
}

function rows(abilities: Readonly<Record<string, Ability>>): readonly string[] {
  return Object.entries(abilities).map(([name, ability]) =>
    ability.works
      ? `  ${name.padEnd(9)} works: ${ability.detail}`
      : `  ${name.padEnd(9)} no: ${ability.why}`,
  );
}

function dropToolAbility(root: boolean, dropTool: string | undefined): Ability {
  if (dropTool !== undefined) return { works: true, detail: dropTool };
  return {
    works: false,
    why: root ? "not on PATH; the runner drops by itself" : "only root has anything to drop",
  };
}
