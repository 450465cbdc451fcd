// Builds the image of one platform from the Dockerfile, with podman, into an OCI layout; and says what is in it.
//
//   bun scripts/release/image.ts --out DIR                   for this machine's platform, on Alpine
//   … --platform linux/arm64                                 runs Alpine's programs of that platform

import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { formatPlatform, hostPlatform } from "../../src/oci/platform.ts";
import { removeTree } from "../../src/system/private-directory.ts";
import { podmanMust, removePodmanStorage } from "../../test/support/podman.ts";
import type { Target } from "../build.ts";
import { APK_DATABASE, alpinePackages } from "../sbom/alpine.ts";
import type { BuiltBinary, BuiltImage } from "../sbom/inventory.ts";
import { imageFiles } from "./image-files.ts";
import { addImage, type LayoutDescriptor, writeIndex } from "./oci-layout.ts";
import { alpineBase, type Base } from "./provenance.ts";
import { type SourceState, sourceState } from "./source.ts";

/** What the Dockerfile starts from, and with what arguments it is told so. */
export interface ImageBase extends Base {
  readonly buildArguments: readonly string[];
  /** What everybody must know who finds an image on this base. */
  readonly warning?: string;
}

/** The binary that an image of a platform contains. */
export const IMAGE_TARGETS: Readonly<Record<string, Target>> = {
  "linux/amd64": "linux-x64-musl",
  "linux/arm64": "linux-arm64-musl",
};

const ROOT = join(import.meta.dir, "../..");
const BINARY = "usr/local/bin/fastmcp-runner";
const RELEASE = "etc/alpine-release";

/** Builds on Alpine as the Dockerfile names it. */
export function onAlpine(): ImageBase {
  return { ...alpineBase(), buildArguments: [] };
}

/** Builds the image of a platform and adds it to the layout. Nothing in it is newer than the source. */
export async function buildImage(
  layout: string,
  platform: string,
  { commit, createdAt }: SourceState,
  base: ImageBase,
): Promise<LayoutDescriptor> {
  const work = mkdtempSync(join(tmpdir(), "fastmcp-runner-image-"));
  const name = `localhost/fastmcp-runner-release-${platform.replaceAll("/", "-")}`;
  try {
    await podmanMust(
      "build",
      "--isolation=chroot",
      "--network=host",
      // OCI's own format has no HEALTHCHECK.
      "--format=docker",
      `--platform=${platform}`,
      `--timestamp=${createdAt}`,
      // The version of the builder would make it another image.
      "--identity-label=false",
      "--no-cache",
      `--build-arg=COMMIT=${commit}`,
      ...base.buildArguments,
      `--tag=${name}`,
      ROOT,
    );
    await podmanMust("save", "--quiet", "--format=docker-dir", `--output=${work}/saved`, name);
    return addImage(layout, `${work}/saved`, platform);
  } finally {
    removeTree(work);
  }
}

/**
 * What is inside an image of a layout. Throws unless its binary is, byte for byte, the one that the release has for the
 * same target, and when it does not say which packages it has.
 */
export function inspectImage(
  layout: string,
  { digest, platform }: LayoutDescriptor,
  binaries: readonly BuiltBinary[],
  base: ImageBase,
): BuiltImage {
  const name = platform === undefined ? "" : formatPlatform(platform);
  const binary = binaries.find(({ target }) => target === IMAGE_TARGETS[name]);
  if (binary === undefined) throw new Error(`there is no binary for an image of ${name}`);
  const files = imageFiles(layout, digest, [BINARY, APK_DATABASE, RELEASE]);
  const sha256 = new Bun.CryptoHasher("sha256").update(files.get(BINARY) ?? "").digest("hex");
  if (sha256 !== binary.sha256) {
    throw new Error(`the binary in the image of ${name} is ${sha256}, not ${binary.sha256}`);
  }
  const [database, release] = [files.get(APK_DATABASE), files.get(RELEASE)];
  if (database === undefined || release === undefined) {
    throw new Error(`the image of ${name} does not say which packages it has`);
  }
  const packages = alpinePackages(database.toString(), release.toString());
  const { warning } = base;
  return { platform: name, digest, binary, packages, ...(warning && { comment: warning }) };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: "string" },
      platform: { type: "string", default: formatPlatform(hostPlatform()) },
    },
  });
  if (values.out === undefined) throw new Error("--out names the directory to write to");
  if (!(values.platform in IMAGE_TARGETS)) throw new Error(`no image is for ${values.platform}`);
  const layout = resolve(values.out);
  mkdirSync(layout, { recursive: true });
  try {
    const image = await buildImage(layout, values.platform, await sourceState(), onAlpine());
    writeIndex(layout, [image], {});
    console.log(`${values.platform}: ${image.digest}`);
  } finally {
    removePodmanStorage();
  }
}

if (import.meta.main) await main();
