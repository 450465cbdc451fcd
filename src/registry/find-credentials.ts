// The credentials for one image, out of the files that docker, podman and crane keep. In each file a helper for the
// registry comes before one for all, which comes before what the file itself holds; a file that has nothing for the
// image is passed over for the next.

import { clip } from "../oci/reference-problem.ts";
import { type CredentialFile, readCredentialFile, unreadable } from "./credential-files.ts";
import { parseEntry } from "./credential-entry.ts";
import { askHelper, helperProgram } from "./credential-helper.ts";
import { matchingKeys, type Scope } from "./credential-keys.ts";
import type { Credentials } from "./credentials.ts";

export interface FoundCredentials {
  readonly credentials: Credentials;
  /** Where they come from, for a person: a file's name, and a helper's if it has been asked. */
  readonly source: string;
}

export interface SearchOptions {
  /** As `credentialFiles` returns them. */
  readonly files: readonly string[];
  /** What helpers are given, PATH among it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Milliseconds that a helper may take; 30 seconds when absent. */
  readonly helperTimeoutMs?: number;
}

const HELPER_TIMEOUT_MS = 30_000;

/**
 * Looks through the files in their order, up to the first that has something for the image.
 * Throws CREDENTIALS_UNREADABLE for a file, an entry or a helper on the way that cannot be used.
 */
export async function findCredentials(
  scope: Scope,
  options: SearchOptions,
): Promise<FoundCredentials | undefined> {
  for (const path of options.files) {
    const file = await readCredentialFile(path);
    const name = helperFor(file, scope);
    const found =
      name === "" ? findEntry(file, scope) : await findInHelper(file, name, scope, options);
    if (found !== undefined) return found;
  }
  return undefined;
}

function helperFor({ unsafeHelpers, unsafeHelper }: CredentialFile, scope: Scope): string {
  const [key] = matchingKeys(Object.keys(unsafeHelpers), { registry: scope.registry });
  return (key === undefined ? undefined : unsafeHelpers[key]) ?? unsafeHelper;
}

async function findInHelper(
  { path }: CredentialFile,
  unsafeName: string,
  { registry }: Scope,
  { environment, helperTimeoutMs: timeoutMs = HELPER_TIMEOUT_MS }: SearchOptions,
): Promise<FoundCredentials | undefined> {
  const program = helperProgram(unsafeName);
  if (program === undefined) {
    throw unreadable(path, `names a credential helper "${clip(unsafeName)}", which is no name`);
  }
  const { credentials, problem } = await askHelper(program, registry, { environment, timeoutMs });
  if (problem !== undefined) {
    throw unreadable(
      path,
      `has ${registry} looked up by ${program}, which ${problem}`,
      `See what \`echo ${registry} | ${program} get\` says, take the helper out of that file, or set REGISTRY_USER and REGISTRY_PASSWORD, which come before it.`,
    );
  }
  return credentials && { credentials, source: `${program}, by ${path}` };
}

function findEntry(
  { path, unsafeEntries }: CredentialFile,
  scope: Scope,
): FoundCredentials | undefined {
  for (const key of matchingKeys(Object.keys(unsafeEntries), scope)) {
    const { credentials, problem } = parseEntry(unsafeEntries[key]);
    if (problem !== undefined) {
      throw unreadable(path, `has an entry for ${clip(key)} that ${problem}`);
    }
    if (credentials !== undefined) return { credentials, source: path };
  }
  return undefined;
}
