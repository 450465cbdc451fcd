// Publishes the image of this commit, in GitHub Actions: for a push to main (or the weekly rebuild of it) as `latest`,
// for a release as what plan.ts says.
//
//   bun scripts/release/publish-image.ts --images DIR      DIR has an OCI layout for each platform, in a folder each

import { mkdirSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { formatPlatform } from "../../src/oci/platform.ts";
import { removeTree } from "../../src/system/private-directory.ts";
import { assemble } from "./assemble.ts";
import { makeFiles } from "./binaries.ts";
import { refuseUndescribed } from "./changelog.ts";
import { IMAGE_TARGETS, onAlpine } from "./image.ts";
import { type LayoutDescriptor, mergeLayout } from "./oci-layout.ts";
import { occasionOf, REPOSITORIES, tagsFor } from "./plan.ts";
import { mustRun } from "./programs.ts";
import { githubBuilder } from "./provenance.ts";
import { describe, publish } from "./publish.ts";
import { refuseChanges, sourceState } from "./source.ts";
import { verifyPublication } from "./verify.ts";

/** Where a registry's user and password are, in the environment. */
const ACCOUNTS = [
  { registry: "ghcr.io", user: "GHCR_USER", password: "GHCR_TOKEN" },
  { registry: "docker.io", user: "DOCKERHUB_USER", password: "DOCKERHUB_TOKEN" },
] as const;

async function main(images: string, work: string): Promise<void> {
  const occasion = occasionOf(process.env);
  const tags = tagsFor(occasion);
  refuseUndescribed(occasion);
  const builder = githubBuilder(process.env);
  if (builder === undefined) throw new Error("an image is published by GitHub Actions only");
  await refuseChanges();
  const source = await sourceState();
  const binaries = await makeFiles(join(work, "files"), source, Object.values(IMAGE_TARGETS));
  const layout = join(work, "image");
  mkdirSync(layout);
  const built = readdirSync(images).flatMap((name) => mergeLayout(layout, join(images, name)));
  refuseIncomplete(built);
  const bases = new Map(Object.keys(IMAGE_TARGETS).map((platform) => [platform, onAlpine()]));
  const parts = { layout, directory: work, images: built, bases, binaries, source, builder };
  const publication = {
    ...(await assemble(parts)),
    signer: { kind: "keyless" },
    repositories: REPOSITORIES,
    tags,
  } as const;
  for (const account of ACCOUNTS) await signIn(account);
  await publish(publication);
  await verifyPublication(publication);
  for (const line of describe(REPOSITORIES, tags, publication.index)) console.log(line);
}

function refuseIncomplete(images: readonly LayoutDescriptor[]): void {
  const names = images.map(({ platform }) => (platform ? formatPlatform(platform) : "none"));
  const expected = Object.keys(IMAGE_TARGETS);
  if (names.toSorted().join() === expected.toSorted().join()) return;
  throw new Error(`there are images for ${names.join(", ")}, not for ${expected.join(", ")}`);
}

// cosign reads what crane writes. The password is in no argument.
async function signIn({ registry, user, password }: (typeof ACCOUNTS)[number]): Promise<void> {
  const [name, secret] = [process.env[user], process.env[password]];
  if (!name || !secret) throw new Error(`${user} and ${password} are needed for ${registry}`);
  const argv = ["crane", "auth", "login", registry, "--username", name, "--password-stdin"];
  await mustRun(argv, { stdin: secret });
}

const { values } = parseArgs({ options: { images: { type: "string" } } });
if (values.images === undefined) throw new Error("--images names the directory of the images");
const work = mkdtempSync(join(tmpdir(), "fastmcp-runner-publish-"));
try {
  await main(resolve(values.images), work);
} finally {
  removeTree(work);
}
