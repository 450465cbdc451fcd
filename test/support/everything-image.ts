// A real MCP server from npm as a container image, the way such images are: Node below /usr/local, its libraries in the
// system's directories, the server below /app. It needs its whole file system. For tests and the demo.

import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { bundledFiles } from "./bundled-files.ts";
import { type BuiltImage, buildImage, type ImageConfigInput } from "./image-builder.ts";
import { librariesOf } from "./libraries.ts";

const SERVER = dirname(
  Bun.resolveSync("@modelcontextprotocol/server-everything/dist/index.js", import.meta.dir),
);

/** How the server is to be reached, and what its config says of that. */
const VARIANTS = {
  /** It reads PORT, and its image says so. */
  http: { Cmd: ["streamableHttp"], Env: ["PORT=3001"] },
  /** The same, and its image says nothing. */
  silent: { Cmd: ["streamableHttp"], Env: [] },
  stdio: { Cmd: ["stdio"], Env: [] },
} as const;

/** Builds it around the Node of this machine. Throws where there is none, or where its libraries cannot be told. */
export async function buildEverythingImage(
  variant: keyof typeof VARIANTS = "http",
  config: ImageConfigInput = {},
): Promise<BuiltImage> {
  const { Cmd, Env } = VARIANTS[variant];
  const node = nodeProgram();
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
      Cmd,
      Env: ["PATH=/usr/local/bin:/usr/bin:/bin", ...Env],
      WorkingDir: "/app",
      User: "node",
      ...config,
    },
    // Node is large, and the registry is on loopback.
    compression: "none",
  });
}

/** The Node of this machine. Throws where there is none. */
export function nodeProgram(): string {
  const path = Bun.which("node");
  if (path === null) throw new Error("there is no node on PATH");
  // What is called node may be a version manager's script, or what `bun run` puts in the place of one that is missing.
  const question = "process.versions.bun === undefined ? process.execPath : ''";
  const program = Bun.spawnSync([path, "--print", question]).stdout.toString().trim();
  if (program === "") throw new Error(`${path} is not Node`);
  return program;
}

async function serverFiles() {
  return [
    ...(await bundledFiles("node", join(SERVER, "index.js"))),
    ...filesIn(join(SERVER, "docs"), "docs"),
  ];
}

function filesIn(directory: string, destination: string) {
  return readdirSync(directory).map((name) => ({
    path: `${destination}/${name}`,
    content: readFileSync(join(directory, name)),
  }));
}
