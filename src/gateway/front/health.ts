// What the health path tells: 503 until the server can answer, then 200 and what it is.

import type { Phase, Subject } from "../status.ts";

/** For a platform that waits for 200, and for a person who looks why it does not come. */
export function healthResponse(phase: Phase, { catalogue }: Subject): Response {
  const ok = phase.state === "serving";
  const server =
    catalogue === undefined
      ? {}
      : {
          name: catalogue.unsafeName,
          version: catalogue.unsafeVersion,
          protocolVersions: catalogue.protocolVersions,
        };
  return Response.json(
    { status: ok ? "ok" : phase.state, ...detailsOf(phase), ...server },
    {
      status: ok ? 200 : 503,
      headers: { "cache-control": "no-store", ...(ok ? {} : { "retry-after": "1" }) },
    },
  );
}

function detailsOf(phase: Phase): object {
  switch (phase.state) {
    case "starting":
      return { stage: phase.stage, progress: phase.progress };
    case "failing":
      return { reason: phase.reason };
    case "failed":
      return phase.failure;
    case "serving":
    case "closing":
      return {};
  }
}
