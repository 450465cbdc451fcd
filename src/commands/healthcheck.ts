// `healthcheck`: for a container's HEALTHCHECK, without wget or curl.

import { RunnerError } from "../errors.ts";
import { askHealth } from "../launch/health.ts";
import { print } from "../output.ts";
import { nameOf, readSettings, refuseProblems } from "../read-settings.ts";
import { type SettingName } from "../settings.ts";
import type { Command } from "./command.ts";

const TIMEOUT_MS = 4_000;

const HEALTH_SETTINGS = [
  "port",
  "mcpTransport",
  "mcpHost",
  "mcpPath",
  "healthcheckPath",
  "logLevel",
  "logFormat",
] as const satisfies readonly SettingName[];

export const healthcheck: Command = {
  about: "Exit 0 when the server answers",
  settings: HEALTH_SETTINGS,
  async run(inputs) {
    const { settings, problems } = readSettings(HEALTH_SETTINGS, inputs);
    refuseProblems(problems);
    const { port, mcpTransport, mcpHost: host, mcpPath, healthcheckPath } = settings;
    if (mcpTransport === "stdio") {
      print("healthy: the server speaks stdio, so nothing listens");
      return 0;
    }
    if (port === undefined) throw new RunnerError("INPUT_INVALID", `${nameOf("port")} is required`);
    const question = { host, port, healthcheckPath, mcpPath, timeoutMs: TIMEOUT_MS };
    const { alive, reason } = await askHealth(question);
    print(`${alive ? "healthy" : "unhealthy"}: ${reason}`);
    return alive ? 0 : 1;
  },
};
