// Servers that people install from npm and PyPI, as container images that say nothing of how their servers are reached.

import { lstatSync } from "node:fs";
import { dirname, join } from "node:path";
import { bundledFiles } from "./bundled-files.ts";
import { type BuiltImage, buildImage, type ImageConfigInput } from "./image-builder.ts";
import { librariesOf } from "./libraries.ts";
import { nodeFiles, pythonFiles } from "./runtime-files.ts";
import type { TarEntry } from "./tar-archive.ts";

const USER: readonly TarEntry[] = [
  { path: "etc/passwd", content: "user:x:1000:1000::/home/user:\n" },
  { path: "home/user/", uid: 1000, gid: 1000 },
  { path: "tmp/", mode: 0o1777 },
];

/** What Python needs to install more, and its servers do not. */
const INSTALLERS = /^(?:pip|setuptools|_distutils_hack)\b/;

/** A server of the protocol's own authors, on Node. */
export async function buildNpmServerImage(
  name: "server-filesystem" | "server-memory",
  config: ImageConfigInput,
): Promise<BuiltImage> {
  const main = Bun.resolveSync(`@modelcontextprotocol/${name}/dist/index.js`, import.meta.dir);
  return buildImage({
    layers: [[...USER, ...nodeFiles()], await bundledFiles("node", main)],
    config: {
      Entrypoint: ["node", "/app/index.js"],
      User: "user",
      WorkingDir: "/app",
      ...config,
    },
    compression: "none",
  });
}

/** The server that is written with FastMCP, with the packages of the environment that this Python belongs to. */
export function buildFastmcpImage(python: string): BuiltImage {
  const server = join(import.meta.dir, "../fixtures/fastmcp-server/server.py");
  return buildImage({
    layers: [
      [...USER, ...pythonFiles("usr/local")],
      [...packagesOf(python), { path: "app/server.py", source: server }],
    ],
    config: {
      Entrypoint: ["python3", "/app/server.py"],
      Env: ["PATH=/usr/local/bin:/usr/bin:/bin", "PYTHONPATH=/app/packages"],
      User: "user",
      WorkingDir: "/app",
    },
    compression: "none",
  });
}

// With its times: by them Python tells whether what it has compiled is of these sources.
function packagesOf(python: string): readonly TarEntry[] {
  const pattern = join(dirname(dirname(python)), "lib/python*/site-packages/**/*");
  const sources = Array.from(new Bun.Glob(pattern).scanSync({ absolute: true, dot: true }));
  const packages = sources.flatMap((source) => {
    const [, name = ""] = source.split("/site-packages/");
    if (INSTALLERS.test(name)) return [];
    const mtime = Math.floor(lstatSync(source).mtimeMs / 1_000);
    return [{ path: `app/packages/${name}`, source, mtime }];
  });
  const libraries = packages
    .filter(({ path }) => path.endsWith(".so"))
    .flatMap(({ source }) => librariesOf(source))
    .map((library) => [library.path, library] as const)
    // Some packages bring libraries of their own, which they find beside themselves.
    .filter(([path]) => !path.includes("/site-packages/"));
  return [...packages, ...new Map(libraries).values()];
}
