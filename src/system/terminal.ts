// Whether a person looks on. node:tty knows it as well, but brings Node's streams and sockets along, a quarter of the
// runner's whole start; and process.stderr must never be looked at.

import { libc } from "./libc.ts";

/** Whether a descriptor is a terminal; false where nothing can be asked. */
export function isTerminal(descriptor: number): boolean {
  try {
    return libc().isatty(descriptor) === 1;
  } catch {
    return false;
  }
}
