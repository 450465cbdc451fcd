// A process that fills a cache without end: blobs, a tree and a name for each of a row of images. To be killed.

import { mkdirSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { openCache } from "../../src/cache/image-cache.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { blobOf, bytesOf, keyOf, streamOf } from "./support.ts";

const [path = "", first = "0"] = process.argv.slice(2);
const FILES = 40;

writeSync(1, "begin");
const cache = openCache<number>(path, 4 * 1024 ** 2);
for (let image = Number(first); ; image += 1) {
  const layers = [blobOf(60_000, image), blobOf(200_000, image + 1)];
  for (const layer of layers) {
    await bytesOf(await cache.blobs.open(layer, async () => streamOf(layer.bytes, 20_000)));
  }
  const manifest = digestOf(Buffer.from(`image ${image}`));
  cache.blobs.write(manifest, Buffer.from(`image ${image}`));
  const tree = await cache.trees.findOrFill(keyOf(manifest), async (root) => {
    for (let file = 0; file < FILES; file += 1) {
      mkdirSync(join(root, `d${file % 5}`), { recursive: true });
      writeFileSync(join(root, `d${file % 5}`, `f${file}`), String(image).repeat(100));
    }
    return image;
  });
  const blobs = [manifest, ...layers.map(({ digest }) => digest)];
  const name = { name: `image-${image % 5}`, platform: "linux/amd64" };
  cache.names.remember({ ...name, digest: manifest, manifest, blobs });
  tree.lease[Symbol.dispose]();
  await cache.tidy();
}
