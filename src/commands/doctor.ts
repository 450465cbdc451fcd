// `doctor`: what this machine offers the runner, and why what does not work does not.

import { printable } from "../errors.ts";
import type { Ability } from "../launch/ability.ts";
import { print, printJson } from "../output.ts";
import type { Command } from "./command.ts";
import {
  type BakedDiagnosis,
  diagnose,
  type Diagnosis,
  DOCTOR_SETTINGS,
  type ModeDiagnosis,
  type Place,
} from "./diagnosis.ts";

export const doctor: Command = {
  about: "Tell what this machine offers, and why what does not work does not",
  settings: DOCTOR_SETTINGS,
  json: true,
  async run(inputs) {
    const diagnosis = await diagnose(inputs);
    if (inputs.json) printJson(diagnosis);
    else print(asText(diagnosis));
    return 0;
  },
};

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
    ...(diagnosis.baked === undefined ? [] : [`root             ${bakedText(diagnosis.baked)}`]),
    `run mode         ${modeText(diagnosis.runMode)}`,
    ...(isBaked(diagnosis.runMode) ? [] : placesText(diagnosis, probe.start)),
    "run modes",
    ...rows(modes),
    "tools",
    ...rows({ ...tools, "su-exec": dropToolAbility(probe.root, dropTool), mounts }),
  ];
  return lines.map(printable).join("\n");
}

// Nothing is pulled or unpacked where the image is there already.
function isBaked(choice: ModeDiagnosis): boolean {
  return "mode" in choice && choice.mode === "baked";
}

function placesText(
  { workDirectory, cache }: Pick<Diagnosis, "workDirectory" | "cache">,
  start: Ability,
): readonly string[] {
  const noStart = workDirectory.writable && !start.works ? `; ${start.why}` : "";
  return [
    `work directory   ${placeText(workDirectory, "WORK_DIR")}${noStart}`,
    `cache            ${cache === undefined ? "none: without CACHE_DIR every start pulls the image" : placeText(cache, "CACHE_DIR")}`,
  ];
}

function placeText({ path, writable }: Place, setting: string): string {
  return writable ? path : `${path} may not be written by this user; set ${setting}`;
}

function bakedText(baked: BakedDiagnosis): string {
  return "problem" in baked ? baked.problem : `${baked.image} (${baked.digest}), baked`;
}

function modeText({ asked, ...choice }: ModeDiagnosis): string {
  if ("problem" in choice)
    return `none: ${[choice.problem, choice.hint].filter(Boolean).join(". ")}`;
  return `${choice.mode}${asked === "auto" ? ", chosen by auto" : ""}: ${choice.reason}`;
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
