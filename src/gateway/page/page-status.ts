// How far the runner is, as the page asks for it every moment: small, and no more than its visitor may know.

import type { FrontState } from "../front/front.ts";
import type { Phase } from "../status.ts";
import type { PageOptions } from "./page.ts";
import { longText } from "./shown-text.ts";

/**
 * Without the token: the state, and how far the start is. What is started, and what went wrong, is for its holders.
 * `about` is what changes seldom.
 */
export function statusOf({ phase, subject, trusted }: FrontState, options: PageOptions): object {
  const { mcpPath: endpoint, open, sse } = options;
  // The page's own client does not speak that transport.
  const calls = options.calls && !sse;
  const about = { endpoint, calls, open, sse, locked: !trusted };
  if (!trusted) return { ...stepOf(phase), about };
  const { image, digest, way, catalogue } = subject;
  const known = {
    image: longText(image),
    digest: longText(digest),
    way: longText(way),
    isDescribed: catalogue !== undefined,
  };
  return { ...stepOf(phase), ...problemOf(phase), about: { ...about, ...known } };
}

function stepOf(phase: Phase): object {
  if (phase.state !== "starting") return { state: phase.state };
  return { state: phase.state, stage: phase.stage, progress: phase.progress };
}

function problemOf(phase: Phase): object {
  switch (phase.state) {
    case "failing":
      return { reason: longText(phase.reason) };
    case "failed": {
      const { stage, code, message, hint } = phase.failure;
      return { failure: { stage, code, message: longText(message), hint: longText(hint) } };
    }
    case "starting":
    case "serving":
    case "closing":
      return {};
  }
}
