// A crane that is a small shell program, because a real one cannot be asked to fail.

import { chmodSync, writeFileSync } from "node:fs";
import { parseReference } from "../../src/oci/reference.ts";
import { createCrane } from "../../src/registry/crane.ts";
import type { Credentials } from "../../src/registry/credentials.ts";
import type { TempDir } from "./temp-dir.ts";

/** Long enough never to matter. */
export const NO_STALL_MS = 20_000;
/** Short enough to be waited for. */
export const SHORT_STALL_MS = 300;

export interface FakeOptions {
  readonly program?: string;
  readonly stallMs?: number;
  readonly limitMs?: number;
  readonly image?: string;
  readonly credentials?: Credentials;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A client of a crane that does what the script does. Its credentials lie in `$DOCKER_CONFIG`. */
export function crane(
  directory: TempDir,
  script: string,
  { image = "ghcr.io/org/app:1", ...options }: FakeOptions,
) {
  const program = directory.file("crane");
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  return createCrane({
    program,
    env: process.env,
    reference: parseReference(image),
    stallMs: NO_STALL_MS,
    directory: directory.path,
    ...options,
  });
}

/** A script that ends as crane does when it has failed. */
export function fail(message: string): string {
  return `printf 'Error: %b\\n' '${message}' >&2; exit 1`;
}
