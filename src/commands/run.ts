// `run`, the default: all six stages. Where the server is handed the port, nothing of the runner is left.

import { runBaked, runImage } from "../pipeline.ts";
import { findBaked } from "../stages/baked.ts";
import { SERVER_SETTINGS, validateBaked, validateServer } from "../stages/validate.ts";
import type { Command } from "./command.ts";

export const run: Command = {
  about: "Pull an image and become its MCP server, or serve it (the default command)",
  settings: SERVER_SETTINGS,
  serverArguments: true,
  async run(inputs) {
    const options = { portRequired: true };
    const baked = await findBaked(inputs);
    return baked === undefined
      ? await runImage(validateServer(inputs, options), inputs.runner)
      : await runBaked(baked, validateBaked(inputs, options), inputs.runner);
  },
};
