// An image's config: what to run, as whom and where, and the digests of its unpacked layers.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md

import * as v from "valibot";
import { RunnerError } from "../errors.ts";
import type { Digest } from "./digest.ts";
import { checkDocument, decodeDocument, digestSchema, optional } from "./document.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Manifest } from "./manifest.ts";
import type { Platform } from "./platform.ts";

export interface ImageConfig {
  readonly platform: Platform;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** Name and value; each name once, with its last value. */
  readonly env: readonly (readonly [name: string, value: string])[];
  /** Absolute, `/` by default. Not yet resolved inside the image. */
  readonly workingDir: string;
  /** As written, for example `node`, `1000:1000`; empty for root. */
  readonly user: string;
  /** As written, for example `8080/tcp`. */
  readonly exposedPorts: readonly string[];
  readonly stopSignal?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  /** The lowest layer's first. */
  readonly diffIds: readonly Digest[];
}

/** A layer as the manifest and the config describe it together. */
export interface ImageLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

// A NUL would end the string early in every system call that it is meant for.
const text = v.pipe(
  v.string("is not a string"),
  v.check((value) => !value.includes("\0"), "contains a NUL character"),
);
const variable = v.pipe(text, v.regex(/^[^=]+=/, "is not of the form NAME=value"));
const names = v.record(text, v.unknown());

const configSchema = v.object({
  os: v.pipe(text, v.nonEmpty("is empty")),
  architecture: v.pipe(text, v.nonEmpty("is empty")),
  variant: optional(text),
  config: optional(
    v.object({
      Entrypoint: optional(v.array(text)),
      Cmd: optional(v.array(text)),
      Env: optional(v.array(variable)),
      WorkingDir: optional(text),
      User: optional(text),
      ExposedPorts: optional(names),
      StopSignal: optional(text),
      Labels: optional(v.record(text, text)),
      Volumes: optional(names),
    }),
  ),
  rootfs: v.object({
    type: v.literal("layers", 'is not "layers"'),
    diff_ids: optional(v.array(digestSchema)),
  }),
});

/** Parses a config document. Throws IMAGE_INVALID. Only for configs of an image's media type. */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const what = "the image's config";
  const document = checkDocument(configSchema, decodeDocument(bytes, what), what);
  const { os, architecture, variant, rootfs, config = {} } = document;
  return {
    platform: { os, architecture, ...(variant ? { variant } : {}) },
    entrypoint: config.Entrypoint ?? [],
    cmd: config.Cmd ?? [],
    env: parseVariables(config.Env ?? []),
    workingDir: absolute(config.WorkingDir ?? ""),
    user: config.User ?? "",
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    ...(config.StopSignal ? { stopSignal: config.StopSignal } : {}),
    labels: config.Labels ?? {},
    volumes: Object.keys(config.Volumes ?? {}),
    diffIds: rootfs.diff_ids ?? [],
  };
}

/** Pairs each layer with the digest of its unpacked archive. Throws IMAGE_INVALID when there are more of one kind. */
export function layersOf(manifest: Manifest, config: ImageConfig): readonly ImageLayer[] {
  const { layers } = manifest;
  const { diffIds } = config;
  const paired = layers.flatMap((descriptor, index) => {
    const diffId = diffIds[index];
    return diffId === undefined ? [] : [{ descriptor, diffId }];
  });
  if (paired.length === layers.length && layers.length === diffIds.length) return paired;
  throw new RunnerError(
    "IMAGE_INVALID",
    `the image's manifest has ${layers.length} layers, but its config knows ${diffIds.length}`,
  );
}

// Docker reads a relative WorkingDir from the root.
function absolute(workingDir: string): string {
  return workingDir.startsWith("/") ? workingDir : `/${workingDir}`;
}

function parseVariables(variables: readonly string[]): [string, string][] {
  const values = new Map<string, string>();
  for (const entry of variables) {
    const equals = entry.indexOf("=");
    values.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  return [...values];
}
