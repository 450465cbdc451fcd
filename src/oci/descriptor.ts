// Descriptors: what a manifest or an index says of something that it points to.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md

import * as v from "valibot";
import { RunnerError } from "../errors.ts";
import { verifyDigest, type Digest } from "./digest.ts";
import { digestSchema, optional } from "./document.ts";
import type { Platform } from "./platform.ts";

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly platform?: Platform;
  /** Other places to fetch it from, by https: never with credentials. */
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly artifactType?: string;
  /** The bytes themselves, their size and digest already checked. */
  readonly data?: Uint8Array;
}

/** Each is a request to a host of the image author's choice, and most images have none. */
const MAX_URLS = 10;

const platformSchema = v.pipe(
  v.object({ os: v.string(), architecture: v.string(), variant: optional(v.string()) }),
  v.transform(({ os, architecture, variant }): Platform => ({
    os,
    architecture,
    ...(variant ? { variant } : {}),
  })),
);

export const descriptorSchema = v.pipe(
  v.object({
    mediaType: v.pipe(v.string(), v.nonEmpty("is empty")),
    digest: digestSchema,
    size: v.pipe(
      v.number(),
      v.safeInteger("is not a whole number of bytes"),
      v.minValue(0, "is negative"),
    ),
    platform: optional(platformSchema),
    urls: optional(v.pipe(v.array(v.string()), v.maxLength(MAX_URLS, `are more than ${MAX_URLS}`))),
    annotations: optional(v.record(v.string(), v.string())),
    artifactType: optional(v.string()),
    data: optional(v.pipe(v.string(), v.base64("is not base64"))),
  }),
  v.transform(descriptorOf),
);

interface RawDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform?: Platform | undefined;
  readonly urls?: string[] | undefined;
  readonly annotations?: Record<string, string> | undefined;
  readonly artifactType?: string | undefined;
  readonly data?: string | undefined;
}

function descriptorOf({ mediaType, digest, size, data, ...rest }: RawDescriptor): Descriptor {
  return {
    mediaType,
    digest,
    size,
    ...(rest.platform ? { platform: rest.platform } : {}),
    ...(rest.urls ? { urls: rest.urls } : {}),
    ...(rest.annotations ? { annotations: rest.annotations } : {}),
    ...(rest.artifactType ? { artifactType: rest.artifactType } : {}),
    ...(data === undefined ? {} : { data: embeddedBytes(data, size, digest) }),
  };
}

// https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#embedded-content
function embeddedBytes(data: string, size: number, digest: Digest): Uint8Array {
  const bytes = Buffer.from(data, "base64");
  if (bytes.byteLength !== size) {
    throw new RunnerError(
      "IMAGE_INVALID",
      `the data inside a descriptor has ${bytes.byteLength} bytes, where its size says ${size}`,
    );
  }
  verifyDigest(bytes, digest, "the data inside a descriptor");
  return bytes;
}
