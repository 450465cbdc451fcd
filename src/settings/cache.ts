// What is kept from one start to the next.

import type { SettingRow } from "./row.ts";
import { absolutePath, byteCount, oneOf } from "./schemas.ts";

const PULL_POLICIES = ["always", "missing", "never"] as const;

export const CACHE_ROWS = {
  cacheDirectory: {
    env: "CACHE_DIR",
    flag: "cache-dir",
    value: "directory",
    about: "Keeps images from one start to the next. Without it nothing is kept.",
    schema: absolutePath,
  },
  cacheMaxBytes: {
    env: "CACHE_MAX_BYTES",
    flag: "cache-max-bytes",
    value: "bytes",
    about: "Size that the cache is kept to: what was not used for longest goes first.",
    schema: byteCount,
    fallback: "10G",
  },
  pullPolicy: {
    env: "PULL_POLICY",
    flag: "pull-policy",
    value: PULL_POLICIES.join("|"),
    about:
      "When to ask the registry although the image is in CACHE_DIR: `always` asks whether the tag has moved, `missing` does not, `never` pulls nothing.",
    schema: oneOf(PULL_POLICIES),
    fallback: "always",
  },
  offlineStart: {
    env: "OFFLINE_START",
    flag: "offline-start",
    value: "0|1",
    about:
      "1 starts the image from CACHE_DIR, as it was last pulled, when the registry cannot be reached; the built-in client then asks three times and not five.",
    schema: oneOf(["0", "1"]),
    fallback: "0",
  },
} as const satisfies Record<string, SettingRow>;
