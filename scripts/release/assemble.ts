// Turns images that have been built, one for each platform, into what is published: one index, with the documents that
// are attested to it and to each of its images.

import { join } from "node:path";
import packageJson from "../../package.json";
import type { Digest } from "../../src/oci/digest.ts";
import { formatPlatform } from "../../src/oci/platform.ts";
import { type BuiltBinary, type BuiltImage, imageInventory } from "../sbom/inventory.ts";
import { spdxDocument, spdxText } from "../sbom/spdx.ts";
import type { SourceState } from "./source.ts";
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

/** One of the images, and what has been found in it. */
interface Inspected {
  readonly image: LayoutDescriptor;
  readonly content: BuiltImage;
}

/** Makes the index and all documents. Throws unless there is exactly one image for each platform. */
export async function assemble(
  parts: Parts,
): Promise<Pick<Publication, "layout" | "index" | "attestations">> {
  const { layout, images, binaries } = parts;
  refuseIncomplete(images);
  const all = images.map((image) => {
    const content = inspectImage(layout, image, binaries, baseOf(image, parts.bases));
    return { image, content };
  });
  const index = writeIndex(layout, images, annotations(parts)).digest;
  const attestations: Attestation[] = await documents(parts, index, "image", all);
  for (const one of all) {
    const name = `image-${platformOf(one.image).replaceAll("/", "-")}`;
    attestations.push(...(await documents(parts, one.image.digest, name, [one])));
  }
  return { layout, index, attestations };
}

async function documents(
  { directory, source, builder, bases }: Parts,
  digest: Digest,
  name: string,
  about: readonly Inspected[],
): Promise<Attestation[]> {
  const list = join(directory, `${name}.spdx.json`);
  const origin = join(directory, `${name}.provenance.json`);
  const contents = about.map(({ content }) => content);
  await Bun.write(list, spdxText(spdxDocument(imageInventory(contents, source.createdAt))));
  const from = about.map(({ image }) => baseOf(image, bases));
  await Bun.write(origin, JSON.stringify(provenance(source, builder, from)));
  return [
    { digest, type: "spdx", predicate: list },
    { digest, type: "slsaprovenance1", predicate: origin },
  ];
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
