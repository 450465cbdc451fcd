// Makes the files of a release: a binary for each target, its SBOM, the installer, and SHA256SUMS over all of them.
//
//   bun scripts/release/binaries.ts --out DIR                            for all targets
//   … --target linux-x64                                                 only for this one; may be repeated

import { copyFileSync, mkdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildRunner, parseTargets, TARGETS, type Target } from "../build.ts";
import { binaryInventory, type BuiltBinary } from "../sbom/inventory.ts";
import { spdxDocument, spdxText } from "../sbom/spdx.ts";
import { type SourceState, sourceState } from "./source.ts";

export const CHECKSUMS = "SHA256SUMS";

const INSTALLER = join(import.meta.dir, "../install.sh");

/** Fills the directory, and says what is in the binaries. */
export async function makeFiles(
  directory: string,
  { commit, createdAt }: SourceState,
  targets: readonly Target[] = parseTargets(Object.keys(TARGETS)),
): Promise<BuiltBinary[]> {
  mkdirSync(directory, { recursive: true });
  const binaries: BuiltBinary[] = [];
  const installer = join(directory, basename(INSTALLER));
  copyFileSync(INSTALLER, installer);
  const files = [installer];
  for (const target of targets) {
    const outfile = join(directory, `fastmcp-runner-${target}`);
    const metafile = await buildRunner({ target, commit, outfile });
    const binary = { target, sha256: await sha256Of(outfile), metafile };
    const list = `${outfile}.spdx.json`;
    await Bun.write(list, spdxText(spdxDocument(binaryInventory(binary, createdAt))));
    binaries.push(binary);
    files.push(outfile, list);
  }
  await writeChecksums(directory, files);
  return binaries;
}

/** Of a file's content, in lower-case hexadecimal digits. */
export async function sha256Of(path: string): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hash.update(chunk);
  return hash.digest("hex");
}

// As `sha256sum --check` reads it.
async function writeChecksums(directory: string, files: readonly string[]): Promise<void> {
  const lines: string[] = [];
  for (const file of files.toSorted()) lines.push(`${await sha256Of(file)}  ${basename(file)}\n`);
  await Bun.write(join(directory, CHECKSUMS), lines.join(""));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { out: { type: "string" }, target: { type: "string", multiple: true } },
  });
  if (values.out === undefined) throw new Error("--out names the directory to write to");
  const targets = parseTargets(values.target ?? Object.keys(TARGETS));
  const made = await makeFiles(resolve(values.out), await sourceState(), targets);
  for (const { target, sha256 } of made) console.log(`${sha256}  ${target}`);
}

if (import.meta.main) await main();
