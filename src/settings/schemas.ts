// From the text of a setting to its value: the shapes that several rows share. A message follows the setting's name.

import * as v from "valibot";
import { reasonOf } from "../errors.ts";

export const text = v.pipe(v.string(), v.nonEmpty("must not be empty"));
export const oneOf = <const T extends readonly string[]>(options: T) =>
  v.picklist(options, `must be one of ${options.join(", ")}`);
export const wholeNumber = (minimum: number, maximum: number) => {
  const message = `must be a whole number from ${minimum} to ${maximum}`;
  return v.pipe(
    v.string(),
    v.regex(/^[0-9]{1,15}$/, message),
    v.transform(Number),
    v.minValue(minimum, message),
    v.maxValue(maximum, message),
  );
};
const UNITS = { "": 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 } as const;
export const byteCount = v.pipe(
  v.string(),
  v.regex(/^[0-9]{1,12}[KMG]?$/, "must be a number of bytes, such as 1048576, 512M or 16G"),
  v.transform(
    (text) => Number.parseInt(text) * UNITS[text.replace(/[0-9]+/, "") as keyof typeof UNITS],
  ),
);
export const urlPath = v.pipe(
  v.string(),
  v.regex(/^\/[\w!$%&'()*+,./:;=@~-]*$/, "must be a path that starts with /, such as /mcp"),
  // No request arrives with another: whoever makes one resolves them.
  v.check(
    (path) => !path.startsWith("/") || new URL(`http://localhost${path}`).pathname === path,
    "must be a path without . and ..",
  ),
);
export const hostName = v.pipe(
  v.string(),
  v.regex(/^[\w.:%[\]-]+$/, "must be an address or a host name, such as 0.0.0.0"),
);
export const parsedBy = <T>(parse: (text: string) => T) =>
  v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(dataset.value);
      } catch (error) {
        addIssue({ message: reasonOf(error) });
        return NEVER;
      }
    }),
  );
export const listOf = (item: RegExp, message: string) =>
  v.pipe(
    v.string(),
    v.transform((text) => text.split(",").map((part) => part.trim())),
    v.array(v.pipe(v.string(), v.regex(item, message))),
  );
export const absolutePath = v.pipe(v.string(), v.regex(/^\//, "must be an absolute path"));
