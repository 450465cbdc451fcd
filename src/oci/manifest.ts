// Manifests and indexes: what an image consists of, by digest. Refuses what is ambiguous, old, or no container image.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md

import * as v from "valibot";
import { RunnerError, printable } from "../errors.ts";
import { descriptorSchema, type Descriptor } from "./descriptor.ts";
import { checkDocument, decodeDocument, optional } from "./document.ts";
import { documentKind, isImageConfigType, isLayerType, type DocumentKind } from "./media-type.ts";

export type { Descriptor } from "./descriptor.ts";

export interface Index {
  readonly kind: "index";
  /** Images and further indexes; entries of other kinds are left out, as the specification asks. */
  readonly manifests: readonly Descriptor[];
}

export interface Manifest {
  readonly kind: "manifest";
  readonly config: Descriptor;
  /** The lowest first. */
  readonly layers: readonly Descriptor[];
}

const indexSchema = v.object({
  manifests: v.array(v.looseObject({ mediaType: optional(v.string()) })),
});
const manifestSchema = v.object({ config: descriptorSchema, layers: v.array(descriptorSchema) });

const ARTIFACTS: readonly (readonly [RegExp, string])[] = [
  [/helm/, "a Helm chart"],
  [/docker\.plugin/, "a Docker plugin"],
  [/wasm/, "a WebAssembly module"],
  [/docker\.ai|model/, "a machine-learning model"],
  [/in-toto|attestation|cosign|sigstore/, "a signature or an attestation"],
];

/**
 * Parses a manifest or an index.
 * Throws IMAGE_UNSUPPORTED for schema 1 and for artifacts that are no container images, IMAGE_INVALID for what breaks
 * the rules, LAYER_UNSUPPORTED for layers that cannot be read.
 */
export function parseManifest(bytes: Uint8Array): Index | Manifest {
  const document = decodeDocument(bytes, "the image's manifest");
  const kind = kindOf(document);
  if (kind === "schema 1") throw schema1();
  if (kind === "other") throw notAnImage(String(document["mediaType"] ?? "of no known kind"));
  if (document["schemaVersion"] !== 2) {
    throw new RunnerError("IMAGE_INVALID", "the image's manifest has a schemaVersion other than 2");
  }
  return kind === "index" ? parseIndex(document) : parseImageManifest(document);
}

type UnsafeDocument = Readonly<Record<string, unknown>>;

function kindOf(document: UnsafeDocument): DocumentKind {
  const shape = shapeOf(document);
  const { mediaType: unsafeMediaType } = document;
  if (unsafeMediaType === undefined || unsafeMediaType === null) return shape;
  const kind = typeof unsafeMediaType === "string" ? documentKind(unsafeMediaType) : "other";
  // Artifacts may have any shape.
  if (kind === "other" || kind === shape) return kind;
  throw new RunnerError(
    "IMAGE_INVALID",
    `the image's manifest calls itself ${article(kind)} but has the members of ${article(shape)}`,
  );
}

// A document that is an index to one reader and a manifest to another, under one digest, could show the scanner one
// image and the runner another. https://github.com/opencontainers/image-spec/security/advisories/GHSA-77vh-xpmg-72qh
function shapeOf(document: UnsafeDocument): DocumentKind {
  const has = (name: string) => document[name] !== undefined && document[name] !== null;
  const shapes: readonly (readonly [DocumentKind, boolean])[] = [
    ["index", has("manifests")],
    ["manifest", has("layers") || has("config")],
    ["schema 1", has("fsLayers") || has("history") || document["schemaVersion"] === 1],
  ];
  const found = shapes.filter(([, present]) => present).map(([kind]) => kind);
  if (found.length > 1) {
    throw new RunnerError(
      "IMAGE_INVALID",
      `the image's manifest is ambiguous: it has the members of ${found.map(article).join(" and of ")}`,
    );
  }
  return found[0] ?? "other";
}

function parseIndex(document: UnsafeDocument): Index {
  const what = "the image's index";
  const { manifests } = checkDocument(indexSchema, document, what);
  const known = manifests.filter(({ mediaType }) =>
    /^(?:index|manifest)$/.test(documentKind(mediaType ?? "")),
  );
  return {
    kind: "index",
    manifests: known.map((unsafeEntry) => checkDocument(descriptorSchema, unsafeEntry, what)),
  };
}

function parseImageManifest(document: UnsafeDocument): Manifest {
  const { artifactType, config: unsafeConfig } = document;
  if (typeof artifactType === "string" && artifactType !== "") throw notAnImage(artifactType);
  const unsafeConfigType = (unsafeConfig as { mediaType?: unknown } | null | undefined)?.mediaType;
  if (typeof unsafeConfigType === "string" && !isImageConfigType(unsafeConfigType)) {
    throw notAnImage(unsafeConfigType);
  }
  const { config, layers } = checkDocument(manifestSchema, document, "the image's manifest");
  const unreadable = layers.find(({ mediaType }) => !isLayerType(mediaType));
  if (unreadable !== undefined && !unreadable.mediaType.includes("tar")) {
    throw notAnImage(unreadable.mediaType);
  }
  if (unreadable !== undefined) {
    throw new RunnerError(
      "LAYER_UNSUPPORTED",
      `a layer of the image is of a kind that cannot be read: ${printable(unreadable.mediaType).slice(0, 120)}`,
      { stage: "fetch-config" },
    );
  }
  return { kind: "manifest", config, layers };
}

function schema1(): RunnerError {
  return new RunnerError(
    "IMAGE_UNSUPPORTED",
    "the image is in Docker's schema 1 format, which was given up in 2019 because its contents cannot be verified",
    {
      hint: "Pull it with an old Docker and push it again, or build it anew; schema 1 cannot be converted here.",
    },
  );
}

function notAnImage(unsafeType: string): RunnerError {
  const type = printable(unsafeType).slice(0, 120);
  const name = ARTIFACTS.find(([pattern]) => pattern.test(type))?.[1] ?? "another kind of artifact";
  return new RunnerError(
    "IMAGE_UNSUPPORTED",
    `this is not a container image but ${name} (${type})`,
  );
}

function article(kind: DocumentKind): string {
  return kind === "index" ? "an index" : kind === "other" ? "something else" : `a ${kind}`;
}
