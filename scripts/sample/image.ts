// The sample server as a container image: one layer with its runtime, one with the server itself.

import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { type BuiltImage, buildImage } from "../../test/support/image-builder.ts";
import type { TarEntry } from "../../test/support/tar-archive.ts";

/** Builds the image around the Bun that runs this script. */
export async function buildSampleImage(): Promise<BuiltImage> {
  const runtime = realpathSync(process.execPath);
  const bundle = await Bun.build({
    entrypoints: [join(import.meta.dir, "server.ts")],
    target: "bun",
    minify: true,
  });
  const [server] = bundle.outputs;
  if (!bundle.success || server === undefined) throw new AggregateError(bundle.logs, "no bundle");
  return buildImage({
    layers: [
      [
        {
          path: "etc/passwd",
          content: "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:\n",
        },
        { path: "home/app/", mode: 0o755, uid: 1000, gid: 1000 },
        { path: "tmp/", mode: 0o1777 },
        { path: "usr/local/bin/bun", source: runtime, mode: 0o755 },
        ...librariesOf(runtime),
      ],
      [{ path: "srv/sample/server.js", content: await server.text() }],
    ],
    config: {
      Entrypoint: ["bun", "server.js"],
      Env: ["PATH=/usr/local/bin:/usr/bin:/bin", "GREETING=Hello"],
      WorkingDir: "/srv/sample",
      User: "app",
      ExposedPorts: { "8080/tcp": {} },
      Labels: { "org.opencontainers.image.title": "Sample MCP server" },
    },
    // The runtime is large and goes no further than loopback.
    compression: "none",
  });
}

/** The shared libraries and the loader of a program, at the paths where it looks for them. */
export function librariesOf(program: string): readonly TarEntry[] {
  const listing = Bun.spawnSync(["ldd", program]).stdout.toString();
  const paths = new Set(
    [...listing.matchAll(/(?:=>\s+|^\s+)(\/\S+)\s+\(0x/gm)].map(([, path]) => path ?? ""),
  );
  return [...paths].map((path) => ({
    path: path.slice(1),
    content: readFileSync(path),
    mode: 0o755,
  }));
}
