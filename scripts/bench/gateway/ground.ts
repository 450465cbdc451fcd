// What has to be there before any gateway is started: the server's image as a layout on disk, its tree unpacked by the
// runner, a cache that knows it, and other people's gateways as npm has them.

import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { layoutFiles, writeFiles } from "../../../test/support/disk-image.ts";
import { buildEverythingImage, nodeProgram } from "../../../test/support/everything-image.ts";
import { versionOf } from "../machine.ts";

export interface GatewayGround {
  /** The runner. */
  readonly binary: string;
  /** As IMAGE names it. */
  readonly image: string;
  /** The image's Node and its server, for those who have no images. */
  readonly node: string;
  readonly server: string;
  readonly nodeVersion: string;
  readonly cache: string;
  /** What the packages have for programs: JavaScript, for Node. */
  readonly peers: Readonly<Record<Peer, string>>;
}

/** Pinned, for figures that can be had again. */
export const PEERS = { supergateway: "4.0.0", "mcp-proxy": "6.7.19" } as const;
type Peer = keyof typeof PEERS;

const NODE = "usr/local/bin/node";
const SERVER = "app/index.js";

/** Prepares it in a new directory, in one that everybody may pass through. Needs npm's registry. */
export async function prepareGateways(binary: string, directory: string): Promise<GatewayGround> {
  mkdirSync(directory);
  const built = await buildEverythingImage("stdio");
  const layout = join(directory, "layout");
  writeFiles(layout, layoutFiles({ image: built, name: "1" }));
  const image = `oci:${layout}:1`;
  const tree = join(directory, "tree");
  must([binary, "pull", image, "--to", tree], directory);
  const cache = join(directory, "cache");
  mkdirSync(cache, { mode: 0o700 });
  const peers = join(directory, "peers");
  mkdirSync(peers);
  await Bun.write(join(peers, "package.json"), JSON.stringify({ dependencies: PEERS }));
  must([process.execPath, "install"], peers);
  chmodSync(peers, 0o755);
  const program = (name: Peer) => join(peers, "node_modules/.bin", name);
  return {
    binary,
    image,
    node: join(tree, NODE),
    server: join(tree, SERVER),
    nodeVersion: versionOf([nodeProgram(), "--version"]),
    cache,
    peers: { supergateway: program("supergateway"), "mcp-proxy": program("mcp-proxy") },
  };
}

function must(argv: readonly string[], cwd: string): void {
  const run = Bun.spawnSync([...argv], { cwd });
  if (run.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${run.stderr.toString()}`);
}
