// `run`, the default: all six stages. Nothing of the runner is left when it succeeds.

import { runImage } from "../pipeline.ts";
import { SERVER_SETTINGS, validateServer } from "../stages/validate.ts";
import type { Command } from "./command.ts";

export const run: Command = {
  about: "Pull an image and become its MCP server (the default command)",
  settings: SERVER_SETTINGS,
  serverArguments: true,
  run: (inputs) => runImage(validateServer(inputs, { portRequired: true }), inputs.runner),
};
