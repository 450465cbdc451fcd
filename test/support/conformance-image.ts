// The server that MCP's conformance suites measure the gateway by, as a container image: Bun, its libraries, and one
// bundle for each way to speak.

import { join } from "node:path";
import { bundledFiles } from "./bundled-files.ts";
import { type BuiltImage, buildImage } from "./image-builder.ts";
import { librariesOf } from "./libraries.ts";

const SERVER = join(import.meta.dir, "../fixtures/conformance-server");

/** Builds it; it speaks on its standard streams, or on a port where its arguments are `/app/http.js PORT`. */
export async function buildConformanceImage(): Promise<BuiltImage> {
  return buildImage({
    layers: [
      [
        { path: "etc/passwd", content: "bun:x:1000:1000::/home/bun:\n" },
        { path: "home/bun/", uid: 1000, gid: 1000 },
        { path: "tmp/", mode: 0o1777 },
        { path: "usr/local/bin/bun", source: process.execPath, mode: 0o755 },
        ...librariesOf(process.execPath),
      ],
      await bundledFiles("bun", join(SERVER, "stdio.ts"), join(SERVER, "http.ts")),
    ],
    config: {
      Entrypoint: ["bun"],
      Cmd: ["/app/stdio.js"],
      Env: ["PATH=/usr/local/bin:/usr/bin:/bin"],
      WorkingDir: "/app",
      User: "bun",
    },
    // Bun is large, and nothing lies between the image and the runner.
    compression: "none",
  });
}
