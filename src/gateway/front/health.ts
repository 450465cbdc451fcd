// What the health path tells: 503 until the server can answer, then 200 and what it is.

import type { Phase } from "../status.ts";
import type { FrontState } from "./front.ts";

/**
 * For a platform that waits for 200, and for a person who looks why it does not come. What the server is, and what is
 * wrong with it, is for whoever may use it.
 */
export function healthResponse({ phase, subject, trusted }: FrontState): Response {
  const ok = phase.state === "serving";
  const { catalogue } = subject;
  const server =
    catalogue === undefined || !trusted
      ? {}
      : {
          name: catalogue.unsafeName,
          version: catalogue.unsafeVersion,
          protocolVersions: catalogue.protocolVersions,
        };
  return Response.json(
    { status: ok ? "ok" : phase.state, ...detailsOf(phase, trusted), ...server },
    {
      status: ok ? 200 : 503,
      headers: { "cache-control": "no-store", ...(ok ? {} : { "retry-after": "1" }) },
    },
  );
}

function detailsOf(phase: Phase, trusted: boolean): object {
  switch (phase.state) {
    case "starting":
      return { stage: phase.stage, progress: phase.progress };
    case "failing":
      return trusted ? { reason: phase.reason } : {};
    case "failed":
      return trusted ? phase.failure : {};
    case "serving":
    case "closing":
      return {};
  }
}
