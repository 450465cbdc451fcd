// The image that every mode starts: the Node of this machine, the server, and the files that it reads.

import { join } from "node:path";
import { nodeProgram } from "../../../test/support/everything-image.ts";
import { type BuiltImage, buildImage } from "../../../test/support/image-builder.ts";
import { librariesOf } from "../../../test/support/libraries.ts";
import type { TarEntry } from "../../../test/support/tar-archive.ts";
import { versionOf } from "../machine.ts";
import { proseMaker } from "../recipe.ts";

export const NODE = "usr/local/bin/node";
export const SERVER = "app/server.js";

const FILE_COUNT = 1000;
const FILE_BYTES = 1024;
export const ALL_BYTES = FILE_COUNT * FILE_BYTES;

export interface ModesImage {
  readonly image: BuiltImage;
  /** Of the Node in it. */
  readonly nodeVersion: string;
  readonly megabytes: number;
}

/** Builds it. Throws where there is no Node, or where its libraries cannot be told. */
export async function buildModesImage(): Promise<ModesImage> {
  const node = nodeProgram();
  const image = buildImage({
    layers: [nodeFiles(node), await serverFiles()],
    config: {
      Entrypoint: ["node", `/${SERVER}`],
      Env: ["PATH=/usr/local/bin:/usr/bin:/bin"],
      WorkingDir: "/app",
      User: "node",
    },
    compression: "none",
  });
  const bytes = [...image.blobs.values()].reduce((sum, blob) => sum + blob.byteLength, 0);
  return { image, nodeVersion: versionOf([node, "--version"]), megabytes: Math.round(bytes / 1e6) };
}

/** The server and all that it reads. */
export async function serverFiles(): Promise<readonly TarEntry[]> {
  return [{ path: SERVER, content: await bundle() }, ...smallFiles()];
}

function nodeFiles(node: string): readonly TarEntry[] {
  return [
    { path: "etc/passwd", content: "node:x:1000:1000::/home/node:\n" },
    { path: "home/node/", uid: 1000, gid: 1000 },
    { path: "tmp/", mode: 0o1777 },
    { path: NODE, source: node, mode: 0o755 },
    ...librariesOf(node),
  ];
}

async function bundle(): Promise<string> {
  const built = await Bun.build({
    entrypoints: [join(import.meta.dir, "server.ts")],
    target: "node",
    minify: true,
  });
  const [output] = built.outputs;
  if (output === undefined) throw new Error("the server was not bundled");
  return output.text();
}

function smallFiles(): readonly TarEntry[] {
  const prose = proseMaker(1);
  return Array.from({ length: FILE_COUNT }, (_, index) => ({
    path: `app/files/${index}.txt`,
    content: prose(FILE_BYTES),
  }));
}
