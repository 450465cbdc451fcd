// An entrypoint of the image's own that becomes what it is given, in a place where the runner's own could be.

import { busyboxFiles } from "../runtime-files.ts";
import { evidenceProgram } from "./evidence.ts";
import type { SampleImage } from "./sample-image.ts";

export const ENTRYPOINT_SCRIPT: SampleImage = {
  title: "entrypoint",
  about: '`/entrypoint.sh`, which ends in `exec "$@"`.',
  programs: ["busybox", "musl-gcc"],
  layer: () => [
    ...busyboxFiles(),
    { path: "entrypoint.sh", content: '#!/bin/sh\nset -e\nexec "$@"\n', mode: 0o755 },
    evidenceProgram("static", "usr/local/bin/server"),
  ],
  config: { Entrypoint: ["/entrypoint.sh"], Cmd: ["/usr/local/bin/server"] },
  interpreter: "/usr/local/bin/server",
};
