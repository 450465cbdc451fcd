// What a command is to the process boundary: data, and one function.

import type { SettingName } from "../settings.ts";
import type { Inputs } from "../stages/validate.ts";

export interface CommandInputs extends Inputs {
  /** `--json` was given. */
  readonly json: boolean;
  /** What starts this program again: its binary, or Bun and the script. */
  readonly runner: readonly string[];
}

export interface Command {
  readonly about: string;
  /** The settings whose flags it takes. */
  readonly settings: readonly SettingName[];
  /** It can answer in JSON. */
  readonly json?: true;
  /** What follows `--` belongs to the server it starts. */
  readonly serverArguments?: true;
  /** Returns the exit status. */
  run(inputs: CommandInputs): Promise<number>;
}
