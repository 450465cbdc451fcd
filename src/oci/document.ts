// JSON documents of an image: bytes to a checked record, or a sentence that says what is wrong. Knows no document.

import * as v from "valibot";
import { RunnerError, printable } from "../errors.ts";
import { isDigest, type Digest } from "./digest.ts";

export const digestSchema = v.custom<Digest>(
  (input) => typeof input === "string" && isDigest(input),
  "is not a sha256 or sha512 digest",
);

/**
 * A member that may be absent; `null` is the same.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
 */
export function optional<Output>(schema: v.GenericSchema<unknown, Output>) {
  return v.pipe(
    v.nullish(schema),
    v.transform((value) => value ?? undefined),
  );
}

/** Decodes JSON of any kind. Throws IMAGE_INVALID. */
export function decodeJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new RunnerError("IMAGE_INVALID", `${what} is not JSON`, { cause: error });
  }
}

/** Decodes a JSON object; of members that occur twice the last counts. Throws IMAGE_INVALID. */
export function decodeDocument(bytes: Uint8Array, what: string): Readonly<Record<string, unknown>> {
  const value = decodeJson(bytes, what);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    // An object that JSON.parse made has string keys only.
    return value as Record<string, unknown>;
  }
  throw new RunnerError("IMAGE_INVALID", `${what} is not a JSON object`);
}

/** Checks a value against a schema. Throws IMAGE_INVALID, naming the first member that is wrong. */
export function checkDocument<Output>(
  schema: v.GenericSchema<unknown, Output>,
  unsafeValue: unknown,
  what: string,
): Output {
  const result = v.safeParse(schema, unsafeValue, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue);
  // valibot's own messages quote the value, which an image's author chose.
  const problem = printable(issue.message).slice(0, 200);
  throw new RunnerError(
    "IMAGE_INVALID",
    `${what} is not valid: ${path ? `${printable(path).slice(0, 100)}: ` : ""}${problem}`,
  );
}
