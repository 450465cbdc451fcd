// Names in archives are bytes, held as latin1 strings (one character a byte): how they look in a message.

import { printable } from "../errors.ts";

/** A name for a message: as text, in quotes, one line, at most 200 characters. */
export function showName(unsafeName: string): string {
  const text = printable(Buffer.from(unsafeName, "latin1").toString("utf8"));
  return `"${text.length > 200 ? `${text.slice(0, 200)}…` : text}"`;
}
