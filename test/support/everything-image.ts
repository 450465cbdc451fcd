// A real MCP server from npm as a container image, the way such images are: Node below /usr/local, its libraries in the
// system's directories, the server below /app. It needs its whole file system.

import { readFileSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { librariesOf } from "../../scripts/sample/image.ts";
import { type BuiltImage, buildImage } from "./image-builder.ts";
import { tempDir } from "./temp-dir.ts";

const SERVER = dirname(
  Bun.resolveSync("@modelcontextprotocol/server-everything/dist/index.js", import.meta.dir),
);

/** Builds it around the Node of this machine. */
export async function buildEverythingImage(): Promise<BuiltImage> {
  const node = realpathSync(Bun.which("node") ?? "");
  return buildImage({
    layers: [
      [
        { path: "etc/passwd", content: "node:x:1000:1000::/home/node:\n" },
        { path: "home/node/", uid: 1000, gid: 1000 },
        { path: "tmp/", mode: 0o1777 },
        { path: "usr/local/bin/node", source: node, mode: 0o755 },
        ...librariesOf(node),
      ],
      await serverFiles(),
    ],
    config: {
      Entrypoint: ["node", "index.js"],
      Cmd: ["streamableHttp"],
      Env: ["PATH=/usr/local/bin:/usr/bin:/bin"],
      WorkingDir: "/app",
      User: "node",
    },
    // Node is large, and the registry is on loopback.
    compression: "none",
  });
}

// Without its development dependencies, which npm would have left out.
async function serverFiles() {
  using directory = tempDir();
  await Bun.build({
    entrypoints: [join(SERVER, "index.js")],
    target: "node",
    splitting: true,
    outdir: directory.path,
  });
  return [...filesIn(directory.path, "app"), ...filesIn(join(SERVER, "docs"), "app/docs")];
}

function filesIn(directory: string, destination: string) {
  return readdirSync(directory).map((name) => ({
    path: `${destination}/${name}`,
    content: readFileSync(join(directory, name)),
  }));
}
