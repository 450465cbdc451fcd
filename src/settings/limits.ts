// How much an image may be.

import { DEFAULT_LIMITS } from "../layers/limits.ts";
import type { SettingRow } from "./row.ts";
import { byteCount, wholeNumber } from "./schemas.ts";

export const LIMIT_ROWS = {
  maxUnpackedBytes: {
    env: "MAX_UNPACKED_BYTES",
    flag: "max-unpacked-bytes",
    value: "bytes",
    about: "Bytes that an image may unpack to.",
    schema: byteCount,
    fallback: "16G",
  },
  maxRatio: {
    env: "MAX_RATIO",
    flag: "max-ratio",
    value: "number",
    about: "Times that a layer may grow when it is unpacked, judged after 64 MiB.",
    schema: wholeNumber(1, 1_000_000),
    fallback: String(DEFAULT_LIMITS.ratio),
  },
  maxEntries: {
    env: "MAX_ENTRIES",
    flag: "max-entries",
    value: "number",
    about:
      "Files, directories and links that an image may hold; a name of more than 128 bytes counts as several.",
    schema: wholeNumber(1, 100_000_000),
    fallback: String(DEFAULT_LIMITS.entries),
  },
  maxLayers: {
    env: "MAX_LAYERS",
    flag: "max-layers",
    value: "number",
    about: "Layers that an image may have.",
    schema: wholeNumber(1, 100_000),
    fallback: String(DEFAULT_LIMITS.layers),
  },
  maxDepth: {
    env: "MAX_DEPTH",
    flag: "max-depth",
    value: "number",
    about: "Directories below each other.",
    schema: wholeNumber(1, 2_000),
    fallback: String(DEFAULT_LIMITS.depth),
  },
  maxPathBytes: {
    env: "MAX_PATH_BYTES",
    flag: "max-path-bytes",
    value: "bytes",
    about: "Length of a name with its directories.",
    schema: byteCount,
    fallback: String(DEFAULT_LIMITS.pathBytes),
  },
  maxNameBytes: {
    env: "MAX_NAME_BYTES",
    flag: "max-name-bytes",
    value: "bytes",
    about: "Length of a name without its directories.",
    schema: byteCount,
    fallback: String(DEFAULT_LIMITS.nameBytes),
  },
  maxRecordBytes: {
    env: "MAX_RECORD_BYTES",
    flag: "max-record-bytes",
    value: "bytes",
    about: "Size of one extended header in a layer.",
    schema: byteCount,
    fallback: "1M",
  },
  maxManifestBytes: {
    env: "MAX_MANIFEST_BYTES",
    flag: "max-manifest-bytes",
    value: "bytes",
    about: "Size of a manifest or an index.",
    schema: byteCount,
    fallback: "4M",
  },
  maxConfigBytes: {
    env: "MAX_CONFIG_BYTES",
    flag: "max-config-bytes",
    value: "bytes",
    about: "Size of an image's config.",
    schema: byteCount,
    fallback: "8M",
  },
} as const satisfies Record<string, SettingRow>;
