import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { throwAwayKey, type Signer, verifyFile } from "../../scripts/release/cosign.ts";
import { addFiles } from "../../scripts/release/release-files.ts";
import { needs } from "../support/requirements.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";

const withCosign = needs("cosign");
const ALL = ["SHA256SUMS", "SHA256SUMS.sigstore.json", "install.sh", "runner"];

/** Stands for GitHub's program: the release v1.2.3 is a directory, and a log names what was added, in its order. */
const GH = `#!/bin/sh
set -eu
verb=$2; [ "$1 $3" = "release v1.2.3" ]; shift 3
case $verb in
  view) ls "$RELEASE" ;;
  download) [ -n "$(ls "$RELEASE")" ]; cp "$RELEASE"/* "\${1#--dir=}" ;;
  upload) for file; do [ ! -e "$RELEASE/\${file##*/}" ]; cp "$file" "$RELEASE"; echo "\${file##*/}" >> "$LOG"; done ;;
esac
`;

withCosign("a release gets all files, signed, the list after what it lists", async () => {
  using directory = tempDir();
  const { run, release, log } = await prepare(directory);
  expect(await run()).toEqual(ALL);
  expect(readdirSync(release).toSorted()).toEqual(ALL);
  expect(log().slice(-2).toSorted()).toEqual(ALL.slice(0, 2));
});

withCosign("a release that has some files gets the others, and keeps its signature", async () => {
  using directory = tempDir();
  const { run, release, signer } = await prepare(directory);
  await run();
  const signature = readFileSync(join(release, "SHA256SUMS.sigstore.json"), "utf8");
  rmSync(join(release, "runner"));
  rmSync(join(release, "SHA256SUMS"));
  expect(await run()).toEqual(["SHA256SUMS", "runner"]);
  expect(readFileSync(join(release, "SHA256SUMS.sigstore.json"), "utf8")).toBe(signature);
  await verifyFile(signer, join(release, "SHA256SUMS"));
  expect(await run()).toEqual([]);
});

withCosign("a release with another file of that name gets nothing", async () => {
  using directory = tempDir();
  const { run, release } = await prepare(directory);
  writeFileSync(join(release, "runner"), "another");
  await expect(run()).rejects.toThrow(
    "the release v1.2.3 has another runner than this commit gives",
  );
  expect(readdirSync(release)).toEqual(["runner"]);
});

withCosign("a release whose signature is somebody else's gets nothing", async () => {
  using directory = tempDir();
  const { run, release } = await prepare(directory);
  writeFileSync(join(release, "SHA256SUMS.sigstore.json"), "{}");
  await expect(run()).rejects.toThrow("cosign verify-blob");
  expect(readdirSync(release)).toEqual(["SHA256SUMS.sigstore.json"]);
});

async function prepare(directory: TempDir) {
  const [made, bin, release] = [
    directory.file("made"),
    directory.file("bin"),
    directory.file("release"),
  ];
  for (const path of [made, bin, release]) mkdirSync(path);
  for (const name of ["SHA256SUMS", "install.sh", "runner"]) writeFileSync(join(made, name), name);
  writeFileSync(join(bin, "gh"), GH);
  chmodSync(join(bin, "gh"), 0o755);
  const signer: Signer = await throwAwayKey(directory.path);
  const environment = {
    PATH: `${bin}:${process.env["PATH"]}`,
    RELEASE: release,
    LOG: directory.file("log"),
  };
  let runs = 0;
  // Each on a machine of its own.
  const run = async () => {
    const [files, there] = [directory.file(`files-${runs}`), directory.file(`there-${runs}`)];
    runs += 1;
    cpSync(made, files, { recursive: true });
    mkdirSync(there);
    return addFiles({ tag: "v1.2.3", signer, directory: files, there, environment });
  };
  const log = () => readFileSync(environment.LOG, "utf8").trim().split("\n");
  return { run, release, signer, log };
}
