// Bun, which is most of a compiled binary, with the libraries that it says it was built from.

import type { Part } from "./spdx.ts";

/** Entries of `process.versions` that are promises of compatibility, or Bun itself, instead of code inside. */
const NO_PARTS = ["bun", "node", "v8", "uv", "napi", "modules", "openssl", "unicode"];

/** The running Bun, which is the one that a compiled binary gets, for whatever target. */
export function bunPart(): Part {
  const parts = Object.entries(process.versions)
    .filter(([name, version]) => !NO_PARTS.includes(name) && version !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return {
    name: "bun",
    version: Bun.version,
    purl: `pkg:github/oven-sh/bun@bun-v${Bun.version}`,
    purpose: "FRAMEWORK",
    comment: `Built from commit ${Bun.revision}. What it contains is what it says in process.versions.`,
    contains: parts.map(([name, version = ""]) => ({
      name,
      version,
      purl: `pkg:generic/${name}@${version}`,
      purpose: "LIBRARY",
    })),
  };
}
