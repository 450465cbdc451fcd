// Adds the binaries, their SBOMs, the installer and the signed SHA256SUMS to a release that somebody has created on
// GitHub. Files that a release has already are never replaced.

import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeTree } from "../../src/system/private-directory.ts";
import { CHECKSUMS, makeFiles } from "./binaries.ts";
import { refuseUndescribed } from "./changelog.ts";
import { signFile, verifyFile } from "./cosign.ts";
import { occasionOf, tagsFor } from "./plan.ts";
import { mustRun } from "./programs.ts";
import { refuseChanges, sourceState } from "./source.ts";

async function main(work: string): Promise<void> {
  const occasion = occasionOf(process.env);
  if (occasion.kind !== "release") throw new Error("files are published with a release only");
  tagsFor(occasion);
  refuseUndescribed(occasion);
  await refuseChanges();
  await makeFiles(work, await sourceState());
  const checksums = join(work, CHECKSUMS);
  await signFile({ kind: "keyless" }, checksums);
  await verifyFile({ kind: "keyless" }, checksums);
  const files = readdirSync(work).map((name) => join(work, name));
  await mustRun(["gh", "release", "upload", occasion.tag, ...files]);
}

const work = mkdtempSync(join(tmpdir(), "fastmcp-runner-publish-"));
try {
  await main(work);
} finally {
  removeTree(work);
}
