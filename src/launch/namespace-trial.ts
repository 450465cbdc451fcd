// Whether a program that is installed here can put an ordinary user into a user namespace, found out by having each
// start itself in one. Changes nothing that outlives it.

import { basename } from "node:path";
import { runChild } from "../system/child.ts";
import { findProgram } from "../system/programs.ts";
import { type Ability, fails, works } from "./ability.ts";
import { NAMESPACE_TOOLS, type NamespaceTool } from "./namespace-tools.ts";
import { serverIdentity } from "./ownership.ts";

export interface NamespaceTrial {
  readonly name: NamespaceTool["name"];
  readonly program?: string;
  readonly ability: Ability;
}

const STALL_MS = 5_000;
const MAX_BYTES = 65_536;
const UNKNOWN_OPTION = /^(?:unrecognized|unknown|invalid) option/i;

/** All of them, the best one first. */
export function tryNamespaceTools(searchPath: string): Promise<readonly NamespaceTrial[]> {
  return Promise.all(NAMESPACE_TOOLS.map((tool) => tryTool(tool, searchPath)));
}

/** The same where nobody needs one. */
export function namespaceToolsUntried(why: string): readonly NamespaceTrial[] {
  return NAMESPACE_TOOLS.map(({ name }) => ({ name, ability: fails(`not tried: ${why}`) }));
}

async function tryTool(tool: NamespaceTool, searchPath: string): Promise<NamespaceTrial> {
  const { name } = tool;
  const program = findProgram(name, searchPath);
  if (program === undefined) return { name, ability: fails("not installed") };
  // The tool itself, asked for its version, is the one program that is sure to be there.
  const argv = [program, ...tool.arguments(serverIdentity()), program, "--version"];
  const ended = await runChild(argv, { env: {}, stallMs: STALL_MS, maxBytes: MAX_BYTES });
  if (ended.exitCode === 0) return { name, program, ability: works(tool.detail) };
  const why = firstSentence(ended.unsafeStderr, program);
  // Those of busybox have the same names.
  const stranger = UNKNOWN_OPTION.test(why)
    ? ": it is too old, or another program of this name"
    : "";
  const reason = `${why}${stranger}` || `ended with ${ended.exitCode ?? ended.signal}`;
  return { name, program, ability: fails(reason) };
}

// Without the program's own name in front, which stands before it wherever it is told.
function firstSentence(unsafeText: string, program: string): string {
  const [unsafeFirst = ""] = unsafeText.trim().split(/\n|\. /, 1);
  const name = [program, basename(program)].find((each) => unsafeFirst.startsWith(`${each}: `));
  return unsafeFirst.slice(name === undefined ? 0 : name.length + 2).slice(0, 200);
}
