// Reads some files out of an image in an OCI layout, to see what it really contains.

import { gunzipSync } from "node:zlib";
import { TarReader } from "../../src/archive/tar.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { parseManifest } from "../../src/oci/manifest.ts";
import { readBlob } from "./oci-layout.ts";

const LIMITS = { recordBytes: 1 << 20 };

/** The content of those of the named files that the image has; names without a slash in front. */
export function imageFiles(
  layout: string,
  manifestDigest: Digest,
  names: readonly string[],
): Map<string, Buffer> {
  const manifest = parseManifest(readBlob(layout, manifestDigest));
  if (!("layers" in manifest)) throw new Error(`${manifestDigest} is not the manifest of an image`);
  const files = new Map<string, Buffer>();
  // The topmost layer is the last, and wins.
  for (const { digest } of manifest.layers) {
    for (const [name, content] of layerFiles(gunzipSync(readBlob(layout, digest)), names)) {
      if (content === undefined) files.delete(name);
      else files.set(name, content);
    }
  }
  return files;
}

// Undefined is what the layer takes away.
function layerFiles(
  archive: Uint8Array,
  names: readonly string[],
): Map<string, Buffer | undefined> {
  const found = new Map<string, Buffer | undefined>();
  let wanted: { readonly name: string; readonly chunks: Buffer[] } | undefined;
  const reader = new TarReader(
    {
      member: ({ type, unsafeName }) => {
        const name = unsafeName.replace(/^\.?\/+/, "");
        const removed = names.find((one) => name === whiteoutOf(one));
        if (removed !== undefined) found.set(removed, undefined);
        wanted = type === "file" && names.includes(name) ? { name, chunks: [] } : undefined;
      },
      content: (bytes) => void wanted?.chunks.push(Buffer.from(bytes)),
      memberEnd: () => {
        if (wanted !== undefined) found.set(wanted.name, Buffer.concat(wanted.chunks));
        wanted = undefined;
      },
    },
    LIMITS,
  );
  reader.push(archive);
  reader.end();
  return found;
}

function whiteoutOf(name: string): string {
  return name.replace(/[^/]*$/, (last) => `.wh.${last}`);
}
