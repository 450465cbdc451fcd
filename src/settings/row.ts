// What one input of the runner is. A type, no code.

import type * as v from "valibot";
import type { ErrorCode } from "../errors.ts";

/** A row, as those see it who need not know its value. */
export interface SettingRow {
  /** The environment variable; a row without one is a flag only. */
  readonly env?: string;
  /** The flag without its dashes; a secret has none, because argv is readable by everyone. */
  readonly flag?: string;
  /** How --help calls the value; a row without one is a switch, whose flag alone stands for "1". */
  readonly value?: string;
  readonly about: string;
  readonly schema: v.GenericSchema<string, unknown>;
  /** The text that stands in for an absent value. */
  readonly fallback?: string;
  /** The value never appears in a message. */
  readonly secret?: true;
  /** The error when this row alone is wrong; INPUT_INVALID unless it has one of its own. */
  readonly code?: ErrorCode;
}
