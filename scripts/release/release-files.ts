// The files of a release on GitHub, through gh. What a release has is never replaced: when a run has stopped half-way,
// the next one makes the same bytes, finds some of them there, and adds the rest.

import { copyFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKSUMS } from "./binaries.ts";
import { bundleOf, signFile, type Signer, verifyFile } from "./cosign.ts";
import { mustRun } from "./programs.ts";

export interface Release {
  readonly tag: string;
  readonly signer: Signer;
  /** Holds what makeFiles has made. */
  readonly directory: string;
  /** Empty; for what the release has. */
  readonly there: string;
  /** For gh, on top of this process's own. */
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * Signs the list of checksums, unless the release has its signature, and adds the files that the release has not. Returns
 * their names. Throws, and adds nothing, when it has one of them with other bytes.
 */
export async function addFiles(release: Release): Promise<string[]> {
  const { directory, there, signer } = release;
  await download(release);
  refuseOthers(release);
  const list = join(directory, CHECKSUMS);
  const signature = join(there, bundleOf(CHECKSUMS));
  // Signed once more, the same list would have another signature.
  if (existsSync(signature)) copyFileSync(signature, bundleOf(list));
  else await signFile(signer, list);
  await verifyFile(signer, list);
  const missing = readdirSync(directory).filter((name) => !existsSync(join(there, name)));
  // The list comes last: who finds it finds what it lists.
  const isList = (name: string) => name.startsWith(CHECKSUMS);
  await upload(
    release,
    missing.filter((name) => !isList(name)),
  );
  await upload(release, missing.filter(isList));
  return missing.toSorted();
}

async function download({ tag, there, environment = {} }: Release): Promise<void> {
  const ask = ["gh", "release", "view", tag, "--json=assets", "--jq=.assets[].name"];
  // gh fails where there is nothing to download.
  if ((await mustRun(ask, { environment })).trim() === "") return;
  await mustRun(["gh", "release", "download", tag, `--dir=${there}`], { environment });
}

function refuseOthers({ tag, directory, there }: Release): void {
  for (const name of readdirSync(directory).filter((one) => existsSync(join(there, one)))) {
    if (readFileSync(join(directory, name)).equals(readFileSync(join(there, name)))) continue;
    throw new Error(`the release ${tag} has another ${name} than this commit gives, and keeps it`);
  }
}

async function upload({ tag, directory, environment = {} }: Release, names: readonly string[]) {
  if (names.length === 0) return;
  const files = names.map((name) => join(directory, name));
  await mustRun(["gh", "release", "upload", tag, ...files], { environment });
}
