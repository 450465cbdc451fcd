// Images of every kind that real MCP servers come in, small, made from what Debian's packages have. Each server writes
// one line that tells who runs it and what it may do.

import { type BuiltImage, buildImage } from "../image-builder.ts";
import { ENTRYPOINT_SCRIPT } from "./entrypoint-script.ts";
import { MERGED_USR } from "./merged-usr.ts";
import { MUSL } from "./musl.ts";
import { NODE } from "./node.ts";
import { OWN_USER } from "./own-user.ts";
import { PYTHON_ROOT_LOCAL } from "./python-root-local.ts";
import { PYTHON_VENV } from "./python-venv.ts";
import type { SampleImage } from "./sample-image.ts";
import { STATIC_ALONE } from "./static-alone.ts";

export const SAMPLE_IMAGES = {
  node: NODE,
  "python-venv": PYTHON_VENV,
  "python-root-local": PYTHON_ROOT_LOCAL,
  "static-alone": STATIC_ALONE,
  musl: MUSL,
  "entrypoint-script": ENTRYPOINT_SCRIPT,
  "own-user": OWN_USER,
  "merged-usr": MERGED_USR,
} as const satisfies Readonly<Record<string, SampleImage>>;

export type SampleName = keyof typeof SAMPLE_IMAGES;

export const SAMPLE_NAMES = Object.keys(SAMPLE_IMAGES) as readonly SampleName[];

export function buildSampleImage({ layer, config }: SampleImage): BuiltImage {
  return buildImage({ layers: [layer()], config, compression: "none" });
}
