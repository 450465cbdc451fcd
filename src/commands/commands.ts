// The commands by their names, in the order in which --help lists them.

import { doctor } from "./doctor.ts";
import { healthcheck } from "./healthcheck.ts";
import { inspect } from "./inspect.ts";
import { pull } from "./pull.ts";
import { run } from "./run.ts";

export const COMMANDS = { run, pull, inspect, doctor, healthcheck };

export type CommandName = keyof typeof COMMANDS;
