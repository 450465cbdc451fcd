// Turns images that have been built, one for each platform, into what is published: one index, with the documents that
// are attested to it and to each of its images.

import { join } from "node:path";
import packageJson from "../../package.json";
import { formatPlatform } from "../../src/oci/platform.ts";
import { type BuiltBinary, imageInventory } from "../sbom/inventory.ts";
import { spdxDocument, spdxText } from "../sbom/spdx.ts";
import type { SourceState } from "./binaries.ts";
import { IMAGE_TARGETS, type ImageBase, inspectImage } from "./image.ts";
import { type LayoutDescriptor, writeIndex } from "./oci-layout.ts";
import { type Builder, provenance } from "./provenance.ts";
import type { Attestation, Publication } from "./publish.ts";

export interface Parts {
  /** Holds the images already. */
  readonly layout: string;
  /** Where the documents are written to. */
  readonly directory: string;
  readonly images: readonly LayoutDescriptor[];
  readonly bases: ReadonlyMap<string, ImageBase>;
  readonly binaries: readonly BuiltBinary[];
  readonly source: SourceState;
  readonly builder: Builder;
}

export async function assemble(
  parts: Parts,
): Promise<Pick<Publication, "layout" | "index" | "attestations">> {
  const { layout, images, bases, binaries, source } = parts;
  refuseIncomplete(images);
  const index = writeIndex(layout, images, annotations(parts));
  const built = images.map((image) => ({
    image,
    content: inspectImage(layout, image, binaries, baseOf(image, bases)),
  }));
  const attestations: Attestation[] = [];
  const add = async (digest: LayoutDescriptor["digest"], name: string, some: typeof built) => {
    const contents = some.map(({ content }) => content);
    const list = imageInventory(contents, source.createdAt);
    const spdx = join(parts.directory, `${name}.spdx.json`);
    await Bun.write(spdx, spdxText(spdxDocument(list)));
    attestations.push({ digest, type: "spdx", predicate: spdx });
    const origin = join(parts.directory, `${name}.provenance.json`);
    const statedBases = some.map(({ image }) => baseOf(image, bases));
    await Bun.write(origin, JSON.stringify(provenance(source, parts.builder, statedBases)));
    attestations.push({ digest, type: "slsaprovenance1", predicate: origin });
  };
  for (const one of built)
    await add(one.image.digest, `image-${platformOf(one.image).replaceAll("/", "-")}`, [one]);
  await add(index.digest, "image", built);
  return { layout, index: index.digest, attestations };
}

function refuseIncomplete(images: readonly LayoutDescriptor[]): void {
  const [found, expected] = [images.map(platformOf), Object.keys(IMAGE_TARGETS)];
  if (found.toSorted().join() === expected.toSorted().join()) return;
  throw new Error(`there are images for ${found.join(", ")}, not for ${expected.join(", ")}`);
}

function annotations({ source, bases }: Parts): Record<string, string> {
  const warning = [...bases.values()].find((base) => base.warning !== undefined)?.warning;
  return {
    "org.opencontainers.image.title": "FastMCP Runner",
    "org.opencontainers.image.description": warning ?? packageJson.description,
    "org.opencontainers.image.source": `https://github.com/${packageJson.repository.replace(/^github:/, "")}`,
    "org.opencontainers.image.version": packageJson.version,
    "org.opencontainers.image.revision": source.commit,
    "org.opencontainers.image.licenses": packageJson.license,
  };
}

function baseOf(image: LayoutDescriptor, bases: ReadonlyMap<string, ImageBase>): ImageBase {
  const base = bases.get(platformOf(image));
  if (base !== undefined) return base;
  throw new Error(`nobody has said what the image of ${platformOf(image)} is based on`);
}

function platformOf({ platform }: LayoutDescriptor): string {
  return platform === undefined ? "no platform" : formatPlatform(platform);
}
