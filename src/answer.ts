// From arguments to a command and its exit status. Knows no process: what it needs of it, it is given.

import { parseCommandLine } from "./command-line.ts";
import { renderHelp } from "./help.ts";
import { configureLog } from "./log.ts";
import { print } from "./output.ts";
import { readSettings, type SettingSources } from "./read-settings.ts";
import { commit, version } from "./version.ts";

export interface Surroundings {
  readonly environment: SettingSources["environment"];
  /** What starts this program again: its binary, or Bun and the script. */
  readonly runner: readonly string[];
}

/** Does what the arguments after the program's name ask for. Throws what the command throws. */
export async function answer(
  argv: readonly string[],
  { environment, runner }: Surroundings,
): Promise<number> {
  const invocation = parseCommandLine(argv, environment);
  if (invocation.kind === "help") print(renderHelp(invocation.command));
  else if (invocation.kind === "version") print(`fastmcp-runner ${version} (${commit})`);
  else {
    const { command, inputs } = invocation;
    const { settings } = readSettings(["logLevel", "logFormat"], inputs);
    configureLog({ level: settings.logLevel ?? "info", format: settings.logFormat ?? "text" });
    return await command.run({ ...inputs, runner });
  }
  return 0;
}
