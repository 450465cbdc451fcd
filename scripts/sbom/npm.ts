// The npm packages that a bundle really contains: those of which code is in its outputs, with the versions that lie in
// node_modules and the checksums of the lockfile. Where the two disagree, nothing is listed: the build is refused.

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Metafile } from "../build.ts";
import { licenseExpression } from "./license.ts";
import type { Checksum, Part } from "./spdx.ts";

export interface Lockfile {
  /** By the package's place in node_modules: `name@version`, registry, dependencies, integrity. */
  readonly packages: Readonly<Record<string, readonly [string, ...unknown[]]>>;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: unknown;
}

const ROOT = join(import.meta.dir, "../..");

/** The packages of a bundle, sorted by name. `directory` is what the metafile's paths are relative to. */
export function bundledPackages(metafile: Metafile, directory = process.cwd()): Part[] {
  const lockfile = readLockfile();
  return packageFolders(metafile)
    .map((folder) => packagePart(resolve(directory, folder), lockfile))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** bun.lock is JSON but for its commas. */
export function readLockfile(path = join(ROOT, "bun.lock")): Lockfile {
  return Bun.JSONC.parse(readFileSync(path, "utf8")) as Lockfile; // the version is pinned with Bun's
}

/** The folders of packages with at least one byte in an output. */
export function packageFolders(metafile: Metafile): string[] {
  const folders = new Set<string>();
  for (const output of Object.values(metafile.outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(output.inputs)) {
      // The last one, as a package may have its own node_modules; a scope takes one more name.
      const folder = /^.*(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0];
      if (folder !== undefined && bytesInOutput > 0) folders.add(folder);
    }
  }
  return [...folders];
}

function packagePart(folder: string, lockfile: Lockfile): Part {
  const { name, version, license } = readManifest(folder);
  const entry = Object.values(lockfile.packages).find(
    ([locked]) => locked === `${name}@${version}`,
  );
  if (entry === undefined) {
    throw new Error(`${name} ${version} is in the bundle, but not in bun.lock: install again`);
  }
  return {
    name,
    version,
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    purpose: "LIBRARY",
    checksum: integrity(String(entry.at(-1)), name),
    ...licenseExpression(license),
  };
}

function readManifest(folder: string): Manifest {
  const path = join(folder, "package.json");
  return JSON.parse(readFileSync(path, "utf8")) as Manifest; // npm requires both texts
}

function integrity(text: string, name: string): Checksum {
  const base64 = /^sha512-([A-Za-z0-9+/=]+)$/.exec(text)?.[1];
  if (base64 === undefined) throw new Error(`bun.lock has no SHA-512 checksum for ${name}`);
  return { algorithm: "SHA512", value: Buffer.from(base64, "base64").toString("hex") };
}
