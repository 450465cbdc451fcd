// Whether an image's command would start from its safe paths on the runner's own root, judged before anything moves.

import { namesProgram, type CommandContext } from "./command-search.ts";
import { examineCommand } from "./executable.ts";
import { overlayRootView, type OverlayPlan } from "./overlay-plan.ts";
import { privateRootView } from "./root-view.ts";
import type { OverlayEvidence } from "./run-mode.ts";

/**
 * Looks at the command in the root as it would be. Arguments count as well: the `node` of `["/app/start.sh", "node"]`
 * is a program that the image has and the overlay would not.
 */
export function gatherOverlayEvidence(
  plan: OverlayPlan,
  argv: readonly [string, ...string[]],
  context: CommandContext,
): OverlayEvidence {
  const view = overlayRootView(plan);
  const [command, ...args] = argv;
  const examination = examineCommand(view, command, context);
  if (!examination.runnable) {
    return { grade: "none", why: `from the safe paths alone ${examination.problem}` };
  }
  const { program, files } = examination;
  if (files[0]?.origin !== "image") {
    return { grade: "partial", why: `${program} would be the runner's own file, not the image's` };
  }
  const image = privateRootView(plan.staged);
  const lost = args.find(
    (arg) => namesProgram(image, arg, context) && !namesProgram(view, arg, context),
  );
  if (lost !== undefined) return { grade: "partial", why: `${lost} lies outside the safe paths` };
  return {
    grade: "whole",
    why: `${program} and all it needs to start are in the safe paths or the runner's root`,
  };
}
