// One static program and nothing else, as Go servers are shipped.

import { evidenceProgram } from "./evidence.ts";
import type { SampleImage } from "./sample-image.ts";

export const STATIC_ALONE: SampleImage = {
  title: "static",
  about: "One static program, `/app/server`, in an otherwise empty image.",
  programs: ["musl-gcc"],
  layer: () => [evidenceProgram("static", "app/server")],
  config: { Entrypoint: ["/app/server"] },
  interpreter: "/app/server",
};
