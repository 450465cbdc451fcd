// One table, a row an input. The environment variables, the command line's flags, --help and the README's table are
// all derived from it. Reads nothing.

import type * as v from "valibot";
import { CACHE_ROWS } from "./settings/cache.ts";
import { GATEWAY_ROWS } from "./settings/gateway.ts";
import { IMAGE_ROWS } from "./settings/image.ts";
import { LIMIT_ROWS } from "./settings/limits.ts";
import { LOG_ROWS } from "./settings/log.ts";
import { REGISTRY_ROWS } from "./settings/registry.ts";
import type { SettingRow } from "./settings/row.ts";

export type { SettingRow } from "./settings/row.ts";

export const SETTINGS = {
  ...IMAGE_ROWS,
  ...GATEWAY_ROWS,
  ...REGISTRY_ROWS,
  ...CACHE_ROWS,
  ...LIMIT_ROWS,
  ...LOG_ROWS,
} as const satisfies Record<string, SettingRow>;

export type SettingName = keyof typeof SETTINGS;

type ValueOf<R extends SettingRow> = R extends { fallback: string }
  ? v.InferOutput<R["schema"]>
  : v.InferOutput<R["schema"]> | undefined;

export type Settings = { readonly [Name in SettingName]: ValueOf<(typeof SETTINGS)[Name]> };
