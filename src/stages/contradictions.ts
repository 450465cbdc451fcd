// What is wrong with settings that are each right by themselves: one that wants another, or rules it out. Pure.

import { METRICS_PATH, RUNNER_PATHS } from "../gateway/front/front.ts";
import { nameOf, type Problem } from "../read-settings.ts";
import type { SettingName, Settings } from "../settings.ts";

/** A server that is reached over a network needs a port. `found` is what has been told already. */
export function portProblems(
  settings: Pick<Settings, "port" | "mcpTransport">,
  found: readonly Problem[],
): readonly Problem[] {
  if (settings.port !== undefined || settings.mcpTransport === "stdio") return [];
  if (mentions(found, "port") || mentions(found, "mcpTransport")) return [];
  return [
    problem(
      "port",
      `${nameOf("port")} is required: the port that clients use, such as 7860. Only where ${nameOf("mcpTransport")} is stdio there is none`,
    ),
  ];
}

/** Where the runner may stay in front of the server, no path has two meanings. `found` is what has been told already. */
export function pathProblems(
  settings: Pick<Settings, "mcpPath" | "healthcheckPath" | "mcpTransport" | "serverTransport">,
  found: readonly Problem[],
): readonly Problem[] {
  const { mcpPath, healthcheckPath, mcpTransport, serverTransport } = settings;
  if (mcpTransport === "stdio" || serverTransport === "http") return [];
  if (mentions(found, "mcpPath") || mentions(found, "healthcheckPath")) return [];
  if (mcpPath === METRICS_PATH || mcpPath.startsWith(RUNNER_PATHS)) {
    return [problem("mcpPath", `${nameOf("mcpPath")} is ${mcpPath}, which is the runner's own`)];
  }
  if (mcpPath !== healthcheckPath) return [];
  const message = `${nameOf("healthcheckPath")} and ${nameOf("mcpPath")} are both ${mcpPath}; give them different paths`;
  return [problem("healthcheckPath", message)];
}

/** A user name goes with one password. */
export function credentialProblems(
  settings: Pick<Settings, "registryUser" | "registryPassword" | "registryPasswordFile">,
): readonly Problem[] {
  const { registryUser, registryPassword, registryPasswordFile } = settings;
  const user = nameOf("registryUser");
  const password = nameOf("registryPassword");
  const file = nameOf("registryPasswordFile");
  if (registryPassword !== undefined && registryPasswordFile !== undefined) {
    return [problem("registryPassword", `${password} and ${file} are both set; give one of them`)];
  }
  const given = registryPassword !== undefined ? password : registryPasswordFile && file;
  if (registryUser !== undefined && given === undefined) {
    const message = `${user} is set but neither ${password} nor ${file} is; give both or neither`;
    return [problem("registryUser", message)];
  }
  if (registryUser === undefined && given !== undefined) {
    const message = `${given} is set but ${user} is not; give both or neither`;
    return [problem("registryUser", message)];
  }
  return [];
}

/** What is kept needs a place. `found` is what has been told already. */
export function cacheProblems(
  settings: Pick<Settings, "cacheDirectory" | "pullPolicy" | "offlineStart">,
  found: readonly Problem[],
): readonly Problem[] {
  const { cacheDirectory, pullPolicy, offlineStart } = settings;
  if (cacheDirectory !== undefined || mentions(found, "cacheDirectory")) return [];
  const without = `and nothing is kept without ${nameOf("cacheDirectory")}`;
  return [
    ...(pullPolicy === "missing" || pullPolicy === "never"
      ? [problem("pullPolicy", `${nameOf("pullPolicy")} is ${pullPolicy}, ${without}`)]
      : []),
    ...(offlineStart === "1"
      ? [problem("offlineStart", `${nameOf("offlineStart")} is 1, ${without}`)]
      : []),
  ];
}

/** Whether one of the problems is a setting's. */
export function mentions(problems: readonly Problem[], setting: SettingName): boolean {
  return problems.some((found) => found.setting === setting);
}

/** What is wrong with a setting that there is no other code for. */
export function problem(setting: SettingName, message: string): Problem {
  return { setting, code: "INPUT_INVALID", message };
}
