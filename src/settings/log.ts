// What is told, and in what shape.

import { LOG_FORMATS, LOG_LEVELS } from "../log.ts";
import type { SettingRow } from "./row.ts";
import { oneOf } from "./schemas.ts";

export const LOG_ROWS = {
  logLevel: {
    env: "LOG_LEVEL",
    flag: "log-level",
    value: LOG_LEVELS.join("|"),
    about: "Least severe message that is logged.",
    schema: oneOf(LOG_LEVELS),
    fallback: "info",
  },
  logFormat: {
    env: "LOG_FORMAT",
    flag: "log-format",
    value: LOG_FORMATS.join("|"),
    about: "Shape of the log on stderr.",
    schema: oneOf(LOG_FORMATS),
    fallback: "text",
  },
} as const satisfies Record<string, SettingRow>;
