// A pull from an archive that a test has made: nothing may stay open, and nothing may stay in the work directory.

import { expect } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import type { DiskImageOptions } from "../../../src/registry/disk/open-image.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { optionsFor, pullAll, type Pulled } from "./pull-all.ts";
import { openDescriptors, untilOpen } from "./system-calls.ts";

export type ArchiveKind = "oci-archive" | "docker-archive";

export interface PullArchiveOptions extends Partial<DiskImageOptions> {
  readonly tag?: string;
}

/** Pulls from an archive of these bytes. */
export async function pullArchive(
  kind: ArchiveKind,
  archive: Uint8Array,
  { tag, ...options }: PullArchiveOptions = {},
): Promise<Pulled> {
  using directory = tempDir();
  using work = tempDir();
  const path = directory.file("image.tar");
  writeFileSync(path, archive);
  const before = openDescriptors();
  try {
    const name = { kind, path, ...(tag === undefined ? {} : { tag }) };
    return await pullAll(name, optionsFor(work.path, options));
  } finally {
    await untilOpen(before);
    expect(readdirSync(work.path)).toEqual([]);
  }
}
