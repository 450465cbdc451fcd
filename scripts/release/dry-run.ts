// A whole release, up to the point where the world would see it: builds every binary and both images, puts them into a
// registry on loopback under all their names, signs with a key that is thrown away, verifies all of it with cosign, and
// prints what would have been pushed.
//
//   bun run release:dry-run                      leaves the files and the image in dist/release
//   … --out DIR                                  leaves them there; DIR must be empty or absent

import { existsSync, mkdirSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import packageJson from "../../package.json";
import { digestOf } from "../../src/oci/digest.ts";
import { removeTree } from "../../src/system/private-directory.ts";
import { startDockerRegistry } from "../../test/support/docker-registry.ts";
import { podmanProblem, removePodmanStorage } from "../../test/support/podman.ts";
import type { BuiltBinary } from "../sbom/inventory.ts";
import { assemble } from "./assemble.ts";
import { hasSection, readChangelog } from "./changelog.ts";
import { CHECKSUMS, makeFiles } from "./binaries.ts";
import { type Signer, signFile, throwAwayKey, verifyFile } from "./cosign.ts";
import { chooseBases } from "./bases.ts";
import { buildImage, type ImageBase, IMAGE_TARGETS } from "./image.ts";
import { type LayoutDescriptor, mergeLayout, writeIndex } from "./oci-layout.ts";
import { REPOSITORIES, tagsIn } from "./plan.ts";
import { programsProblem } from "./programs.ts";
import { describe, publish, type Publication } from "./publish.ts";
import { type SourceState, sourceState, uncommitted } from "./source.ts";
import { verifyPublication } from "./verify.ts";

const ROOT = join(import.meta.dir, "../..");
const OUT = join(ROOT, "dist/release");
const PLATFORMS = Object.keys(IMAGE_TARGETS);
const PROGRAMS = ["git", "podman", "crane", "cosign", "docker-registry", "sha256sum"];
const VERSION_TAG = `v${packageJson.version}`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { out: { type: "string" } },
  });
  const problem = programsProblem(PROGRAMS) ?? podmanProblem();
  if (problem !== undefined) return giveUp(problem);
  const out = values.out === undefined ? emptied(OUT) : refuseFull(resolve(values.out));
  const work = mkdtempSync(join(tmpdir(), "fastmcp-runner-release-"));
  try {
    await dryRun(out, work);
  } finally {
    removePodmanStorage();
    removeTree(work);
  }
}

async function dryRun(out: string, work: string): Promise<void> {
  const source = await sourceState();
  const signer = await throwAwayKey(work);
  const { bases, reason } = await chooseBases(work, PLATFORMS, source.createdAt);
  const binaries = await makeSigned(join(out, "files"), source, signer);

  show(`the images, on ${reason}`);
  for (const warning of new Set([...bases.values()].map((base) => base.warning ?? ""))) {
    if (warning !== "") console.log(`  ${warning}`);
  }
  const layout = join(out, "image");
  mkdirSync(layout, { recursive: true });
  const images: LayoutDescriptor[] = [];
  for (const [platform, base] of bases) {
    const built = await buildAlone(join(work, "images", platform), platform, source, base);
    images.push(...mergeLayout(layout, built));
  }
  const builder = {
    id: "https://localhost/dry-run",
    invocation: "https://localhost/dry-run/1",
    ref: "HEAD",
  };
  const parts = { layout, directory: out, images, bases, binaries, source, builder };
  const assembled = await assemble(parts);
  show(`the image ${assembled.index} of all platforms, in ${layout}, with what is attested`);
  for (const { digest, type, predicate } of assembled.attestations) {
    console.log(`  ${digest}  ${type}, in ${basename(predicate)}`);
  }
  await rehearse({ ...assembled, signer });
}

async function makeSigned(
  files: string,
  source: SourceState,
  signer: Signer,
): Promise<BuiltBinary[]> {
  const changes = (await uncommitted()) === "" ? "" : ", with changes that no commit has";
  show(`the binaries of ${source.commit}${changes}`);
  const binaries = await makeFiles(files, source);
  for (const { target, sha256 } of binaries) console.log(`  ${sha256}  ${target}`);
  await signFile(signer, join(files, CHECKSUMS));
  await verifyFile(signer, join(files, CHECKSUMS));
  show(`a release would get these files, which are in ${files}`);
  for (const name of readdirSync(files).toSorted()) console.log(`  ${name}`);
  return binaries;
}

// As on a machine that has only this platform.
async function buildAlone(
  layout: string,
  platform: string,
  source: SourceState,
  base: ImageBase,
): Promise<string> {
  const image = await buildImage(layout, platform, source, base);
  writeIndex(layout, [image], {});
  console.log(`  ${image.digest}  ${platform}`);
  return layout;
}

type Assembled = Pick<Publication, "layout" | "index" | "attestations"> & {
  readonly signer: Signer;
};

// First a push to main, then a release, then the same release again, and then another image under its version.
async function rehearse(assembled: Assembled): Promise<void> {
  await using registry = await startDockerRegistry();
  const repositories = REPOSITORIES.map((name) => `${registry.host}/${name}`);
  const release = { kind: "release", tag: VERSION_TAG } as const;
  for (const occasion of [{ kind: "main" }, release] as const) {
    const tags = await tagsIn(repositories, occasion);
    await publish({ ...assembled, repositories, tags });
    await verifyPublication({ ...assembled, repositories, tags });
    const what = occasion.kind === "main" ? "a push to main" : `the release ${VERSION_TAG}`;
    show(`${what} would publish`);
    for (const line of describe(REPOSITORIES, tags, assembled.index)) console.log(`  ${line}`);
  }
  const tags = await tagsIn(repositories, release);
  await publish({ ...assembled, repositories, tags });
  show("the same image once more would change nothing: a release that has stopped can go on");
  const index = digestOf(Buffer.from("another image"));
  const refusal = await publish({ ...assembled, index, repositories, tags }).then(
    () => undefined,
    (error: unknown) => String(error),
  );
  if (!refusal?.includes("is taken")) throw new Error(`a taken tag was not refused: ${refusal}`);
  show(`another image as ${VERSION_TAG} would stop: the tag is taken`);
  if (!hasSection(readChangelog(), packageJson.version)) {
    show(`${VERSION_TAG} itself would stop now: docs/CHANGELOG.md has no section for it`);
  }
  show("all of it was verified, by the README's commands too; nothing has left this machine");
}

// What an earlier run has left.
function emptied(directory: string): string {
  removeTree(directory);
  return directory;
}

function refuseFull(directory: string): string {
  if (!existsSync(directory) || readdirSync(directory).length === 0) return directory;
  throw new Error(`${directory} is not empty`);
}

// In CI, where all programs are installed, a release that cannot be rehearsed is a failure.
function giveUp(problem: string): void {
  console.log(`no dry run of the release here: ${problem}`);
  process.exitCode = process.env["CI"] === "true" ? 1 : 0;
}

function show(line: string): void {
  console.log(`▸ ${line}`);
}

await main();
