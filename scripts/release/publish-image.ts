// Publishes the image of this commit, in GitHub Actions: for a push to main (or the weekly rebuild) as `latest`,
// for a release as what plan.ts says.
//
//   bun scripts/release/publish-image.ts --images DIR      DIR has an OCI layout for each platform, in a folder each

import { mkdirSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { removeTree } from "../../src/system/private-directory.ts";
import { ACCOUNTS, signIn } from "./accounts.ts";
import { assemble } from "./assemble.ts";
import { makeFiles } from "./binaries.ts";
import { refuseUndescribed } from "./changelog.ts";
import { IMAGE_TARGETS, onAlpine } from "./image.ts";
import { mergeLayout } from "./oci-layout.ts";
import { occasionOf, REPOSITORIES, tagsFor, tagsIn } from "./plan.ts";
import { githubBuilder } from "./provenance.ts";
import { describe, publish } from "./publish.ts";
import { refuseChanges, sourceState } from "./source.ts";
import { verifyPublication } from "./verify.ts";

async function main(images: string, work: string): Promise<void> {
  const occasion = occasionOf(process.env);
  tagsFor(occasion);
  refuseUndescribed(occasion);
  const builder = githubBuilder(process.env);
  if (builder === undefined) throw new Error("an image is published by GitHub Actions only");
  await refuseChanges();
  const source = await sourceState();
  const binaries = await makeFiles(join(work, "files"), source, Object.values(IMAGE_TARGETS));
  const layout = join(work, "image");
  mkdirSync(layout);
  const built = readdirSync(images)
    .toSorted()
    .flatMap((name) => mergeLayout(layout, join(images, name)));
  const bases = new Map(Object.keys(IMAGE_TARGETS).map((platform) => [platform, onAlpine()]));
  const parts = { layout, directory: work, images: built, bases, binaries, source, builder };
  await signIn(ACCOUNTS, process.env);
  const tags = await tagsIn(REPOSITORIES, occasion);
  const publication = {
    ...(await assemble(parts)),
    signer: { kind: "keyless" },
    repositories: REPOSITORIES,
    tags,
  } as const;
  await publish(publication);
  await verifyPublication(publication);
  for (const line of describe(REPOSITORIES, tags, publication.index)) console.log(line);
}

const { values } = parseArgs({ options: { images: { type: "string" } } });
if (values.images === undefined) throw new Error("--images names the directory of the images");
const work = mkdtempSync(join(tmpdir(), "fastmcp-runner-publish-"));
try {
  await main(resolve(values.images), work);
} finally {
  removeTree(work);
}
