// Images on disk: the archives, for the floor, and their gzipped blobs, for the registry. Built once and kept.

import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { digestOf, parseDigest, type Digest } from "../../src/oci/digest.ts";
import { type BuiltImage, documentOf, hostPlatform } from "../../test/support/image-builder.ts";
import type { Recipe } from "./recipe.ts";

export interface StoredLayer {
  /** The tar archive and the same gzipped. */
  readonly archive: string;
  readonly blob: string;
  readonly diffId: Digest;
  readonly digest: Digest;
  readonly archiveBytes: number;
  readonly blobBytes: number;
}

export interface StoredImage {
  readonly name: string;
  readonly about: string;
  /** As it stands in an image reference. */
  readonly repository: string;
  readonly layers: readonly StoredLayer[];
  readonly entries: number;
}

const OCI = "application/vnd.oci.image";
const SOURCES = ["recipe.ts", "synthetic.ts", "debian.ts", "realistic.ts", "image.ts"];

/** The image that the recipe gives, from `cache` where it has been built before. */
export async function storedImage(recipe: Recipe, cache: string): Promise<StoredImage> {
  const slug = recipe.name.replaceAll(" ", "-");
  const directory = join(cache, `${slug}-${hashOfSources()}`);
  const summary = join(directory, "image.json");
  if (!existsSync(summary)) await build(recipe, slug, directory);
  return JSON.parse(readFileSync(summary, "utf8")) as StoredImage; // written by `build`
}

/** What a registry needs to serve it. Holds all blobs in memory. */
export function servedImage({ layers }: StoredImage): BuiltImage {
  const [os, architecture] = hostPlatform().split("/");
  const config = Buffer.from(
    JSON.stringify({
      os,
      architecture,
      config: { Entrypoint: ["/usr/bin/env"], WorkingDir: "/" },
      rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    }),
  );
  const root = documentOf(`${OCI}.manifest.v1+json`, {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: {
      mediaType: `${OCI}.config.v1+json`,
      digest: digestOf(config),
      size: config.byteLength,
    },
    layers: layers.map(({ digest, blobBytes }) => ({
      mediaType: `${OCI}.layer.v1.tar+gzip`,
      digest,
      size: blobBytes,
    })),
  });
  const blobs = layers.map(({ digest, blob }) => [digest, readFileSync(blob)] as const);
  return {
    root,
    documents: new Map([[root.digest, root]]),
    blobs: new Map<Digest, Uint8Array>([[digestOf(config), config], ...blobs]),
    layers: layers.map(({ digest }) => digest),
    platform: `${os}/${architecture}`,
  };
}

/** Removes the images of recipes that have changed since. */
export function removeOutdated(cache: string): void {
  const current = hashOfSources();
  for (const name of readdirSync(cache)) {
    if (!name.endsWith(current)) rmSync(join(cache, name), { recursive: true, force: true });
  }
}

async function build(recipe: Recipe, slug: string, directory: string): Promise<void> {
  const draft = `${directory}.${process.pid}.draft`;
  mkdirSync(draft, { recursive: true });
  const layers: StoredLayer[] = [];
  let entries = 0;
  for (const [index, write] of recipe.layers.entries()) {
    const archive = join(draft, `${index}.tar`);
    const blob = `${archive}.gz`;
    await write(archive);
    must(["sh", "-c", 'exec gzip --no-name -6 <"$1" >"$2"', "gzip", archive, blob]);
    entries += must(["tar", "--list", "--file", archive]).split("\n").length - 1;
    layers.push({
      archive: join(directory, `${index}.tar`),
      blob: join(directory, `${index}.tar.gz`),
      diffId: await digestOfFile(archive),
      digest: await digestOfFile(blob),
      archiveBytes: Bun.file(archive).size,
      blobBytes: Bun.file(blob).size,
    });
  }
  const { name, about } = recipe;
  const image: StoredImage = { name, about, repository: `bench/${slug}:1`, layers, entries };
  await Bun.write(join(draft, "image.json"), JSON.stringify(image));
  renameSync(draft, directory);
}

async function digestOfFile(path: string): Promise<Digest> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hash.update(chunk);
  return parseDigest(`sha256:${hash.digest("hex")}`);
}

function hashOfSources(): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const name of SOURCES) hash.update(readFileSync(join(import.meta.dir, name)));
  return hash.digest("hex").slice(0, 12);
}

function must(argv: readonly string[]): string {
  const run = Bun.spawnSync([...argv]);
  if (run.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${run.stderr.toString()}`);
  return run.stdout.toString();
}
