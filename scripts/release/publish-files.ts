// Adds the binaries, their SBOMs, the installer and the signed SHA256SUMS to a release that somebody has created on
// GitHub. Files that a release has already are never replaced.

import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeTree } from "../../src/system/private-directory.ts";
import { makeFiles } from "./binaries.ts";
import { refuseUndescribed } from "./changelog.ts";
import { occasionOf, tagsFor } from "./plan.ts";
import { addFiles } from "./release-files.ts";
import { refuseChanges, sourceState } from "./source.ts";

async function main(work: string): Promise<void> {
  const occasion = occasionOf(process.env);
  if (occasion.kind !== "release") throw new Error("files are published with a release only");
  tagsFor(occasion);
  refuseUndescribed(occasion);
  await refuseChanges();
  const [directory, there] = [join(work, "files"), join(work, "there")];
  mkdirSync(there);
  await makeFiles(directory, await sourceState());
  const signer = { kind: "keyless" } as const;
  const added = await addFiles({ tag: occasion.tag, signer, directory, there });
  for (const name of added) console.log(`${occasion.tag} has ${name} now`);
}

const work = mkdtempSync(join(tmpdir(), "fastmcp-runner-publish-"));
try {
  await main(work);
} finally {
  removeTree(work);
}
