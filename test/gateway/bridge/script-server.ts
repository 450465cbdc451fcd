// Servers written in a few lines of JavaScript, run by this bun as real programs.

import { startServerChild } from "../../../src/system/server-child.ts";
import type { ServerProcess, StartServer } from "../../../src/gateway/server-process.ts";

/** `message` is what came, `say` sends an object on one line, `write` sends a text as it is. */
const PREAMBLE = `
  const write = (text) => require("node:fs").writeSync(1, text + "\\n");
  const say = (message) => write(JSON.stringify({ jsonrpc: "2.0", ...message }));
  const serve = async (onMessage) => {
    for await (const line of console) onMessage(JSON.parse(line), line);
  };
`;

export interface ScriptServer extends AsyncDisposable {
  readonly start: StartServer;
  /** All that have been started, first to last. */
  readonly children: readonly ServerProcess[];
  /** What they wrote to stderr. */
  readonly errors: readonly string[];
}

/** The script calls `serve((message, line) => …)`. */
export function scriptServer(script: string): ScriptServer {
  return programServer([process.execPath, "-e", PREAMBLE + script]);
}

export function programServer(argv: readonly string[]): ScriptServer {
  const children: ServerProcess[] = [];
  const errors: string[] = [];
  const program = {
    argv,
    env: { PATH: process.env["PATH"] ?? "" },
    maxLineBytes: 64 * 1024 * 1024,
    onStderr: (line: string) => errors.push(line),
  };
  return {
    start(options) {
      const child = startServerChild(program, options);
      children.push(child);
      return child;
    },
    children,
    errors,
    async [Symbol.asyncDispose]() {
      await Promise.all(children.map((child) => child.stop()));
    },
  };
}
