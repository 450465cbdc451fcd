// Node as the official image has it, on glibc.

import { nodeFiles } from "../runtime-files.ts";
import { EVIDENCE_IN_NODE } from "./evidence.ts";
import type { SampleImage } from "./sample-image.ts";

export const NODE: SampleImage = {
  title: "Node",
  about: "Node at `/usr/local/bin/node`, on glibc.",
  programs: ["node", "ldd"],
  layer: () => [
    { path: "etc/passwd", content: "node:x:1000:1000::/home/node:/bin/sh\n" },
    { path: "home/node/", uid: 1000, gid: 1000 },
    ...nodeFiles(),
    { path: "app/server.js", content: EVIDENCE_IN_NODE },
  ],
  config: {
    Entrypoint: ["node", "server.js"],
    Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    WorkingDir: "/app",
    User: "node",
  },
  interpreter: "/usr/local/bin/node",
  home: "/home/node",
};
