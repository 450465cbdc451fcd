// The document that lies in a root filesystem which is an image's own: what the image was and how its server is
// started, so that no registry has to be asked again. Written by one version of the runner, read by another.

import * as v from "valibot";
import { printable, RunnerError } from "../errors.ts";
import type { Digest } from "./digest.ts";
import { checkDocument, decodeDocument, digestSchema } from "./document.ts";
import type { ImageConfig } from "./image-config.ts";
import type { Platform } from "./platform.ts";

/** What of an image's config concerns the start of its server. */
export type LaunchConfig = Pick<
  ImageConfig,
  "entrypoint" | "cmd" | "env" | "workingDir" | "user" | "exposedPorts" | "stopSignal" | "labels"
>;

export interface BakedImage {
  /** The whole name, as it can be written in IMAGE. */
  readonly image: string;
  /** Of the manifest for the platform. */
  readonly digest: Digest;
  readonly platform: Platform;
  readonly config: LaunchConfig;
}

const SCHEMA_VERSION = 1;
const WHAT = "the description of the baked image";

// The rules of an image's config: a NUL would end the string early in every system call that it is meant for.
const text = v.pipe(
  v.string("is not a string"),
  v.check((value) => !value.includes("\0"), "contains a NUL character"),
);
const name = v.pipe(text, v.regex(/^[^=]+$/, "is not a variable's name"));
const filled = v.pipe(text, v.nonEmpty("is empty"));

const schema = v.object({
  image: v.pipe(
    filled,
    v.check((value) => printable(value) === value, "contains a control character"),
  ),
  digest: digestSchema,
  platform: v.object({ os: filled, architecture: filled, variant: v.exactOptional(filled) }),
  config: v.object({
    entrypoint: v.array(text),
    cmd: v.array(text),
    env: v.array(v.tuple([name, text])),
    workingDir: v.pipe(text, v.startsWith("/", "is not an absolute path")),
    user: text,
    exposedPorts: v.array(text),
    stopSignal: v.exactOptional(text),
    labels: v.record(text, text),
  }),
});

/** The document's text; of a config only what LaunchConfig names. */
export function formatBakedImage({ image, digest, platform, config }: BakedImage): string {
  const { entrypoint, cmd, env, workingDir, user, exposedPorts, stopSignal, labels } = config;
  const launch = { entrypoint, cmd, env, workingDir, user, exposedPorts, stopSignal, labels };
  const document = { schemaVersion: SCHEMA_VERSION, image, digest, platform, config: launch };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** Throws IMAGE_INVALID for what is damaged and for what another version of the runner has written. */
export function parseBakedImage(bytes: Uint8Array): BakedImage {
  const { schemaVersion, ...members } = decodeDocument(bytes, WHAT);
  if (schemaVersion !== SCHEMA_VERSION) {
    throw new RunnerError(
      "IMAGE_INVALID",
      `${WHAT} is not of version ${SCHEMA_VERSION}, the only one that this runner knows`,
    );
  }
  return checkDocument(schema, members, WHAT);
}
