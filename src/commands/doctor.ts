// `doctor`: what this machine offers the runner, and why what does not work does not.

import { printable } from "../errors.ts";
import { type Ability, type Probe, probeMachine } from "../launch/probe.ts";
import { hostPlatform, formatPlatform } from "../oci/platform.ts";
import { print, printJson } from "../output.ts";
import { hostEnvironmentOf, readSettings, refuseProblems } from "../read-settings.ts";
import { type SettingName } from "../settings.ts";
import { credentialSources } from "../stages/credentials.ts";
import { findProgram } from "../system/programs.ts";
import { existingAncestor, isWritable } from "../system/private-directory.ts";
import { workDirectory } from "../system/run-directory.ts";
import { commit, version } from "../version.ts";
import type { Command } from "./command.ts";

const DOCTOR_SETTINGS = [
  "registryUser",
  "registryClient",
  "workDirectory",
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
    const crane = findProgram("crane", host["PATH"]);
    const directory = workDirectory({ configured: settings.workDirectory, environment: host });
    const probe = await probeMachine({ searchPath: host["PATH"] ?? "" });
    const diagnosis: Diagnosis = {
      version,
      commit,
      platform: formatPlatform(hostPlatform()),
      user: { uid: process.geteuid?.() ?? -1, gid: process.getegid?.() ?? -1 },
      registryClient: registryClientOf(settings.registryClient, crane),
      credentials: await credentialSources({ registryUser: settings.registryUser, host }),
      workDirectory: { path: directory, writable: isWritable(existingAncestor(directory)) },
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
  /** Where credentials are looked for, first things first; what is there has not been read. */
  readonly credentials: readonly string[];
  readonly workDirectory: { readonly path: string; readonly writable: boolean };
  readonly probe: Probe;
}

function registryClientOf(asked: string, crane: string | undefined): Diagnosis["registryClient"] {
  if (asked === "builtin") return { client: "builtin", why: "REGISTRY_CLIENT asks for it" };
  if (crane !== undefined) return { client: "crane", why: `found at ${crane}` };
  return asked === "crane"
    ? { client: "none", why: "REGISTRY_CLIENT asks for crane, which is not on PATH" }
    : { client: "builtin", why: "crane is not on PATH" };
}

function asText({ probe, ...diagnosis }: Diagnosis): string {
  const { modes, mounts, tools, dropTool } = probe;
  const lines = [
    `fastmcp-runner ${diagnosis.version} (${diagnosis.commit}) on ${diagnosis.platform}`,
    `user             ${probe.root ? "root: the server will run as 1000:1000" : `${diagnosis.user.uid}:${diagnosis.user.gid}: the server will run as the same`}`,
    `registry client  ${diagnosis.registryClient.client}: ${diagnosis.registryClient.why}`,
    `credentials      ${diagnosis.credentials.join(", ") || "none: neither REGISTRY_USER nor a file of docker's or podman's"}`,
    `work directory   ${diagnosis.workDirectory.path}${diagnosis.workDirectory.writable ? "" : " may not be written by this user; set WORK_DIR"}`,
    "run modes",
    ...rows(modes),
    "tools",
    ...rows({ ...tools, "su-exec": dropToolAbility(probe.root, dropTool), mounts }),
  ];
  return lines.map(printable).join("\n");
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
