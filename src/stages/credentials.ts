// Stage 2, its first half: who pulls. Settings come first, then the files of docker, podman and crane; a password from
// the environment has left it before stage 1. Whatever is found is kept out of the log from here on.

import { printable, reasonOf, RunnerError } from "../errors.ts";
import { keepOutOfLog, log } from "../log.ts";
import type { Reference } from "../oci/reference.ts";
import { nameOf } from "../read-settings.ts";
import { credentialFiles } from "../registry/credential-files.ts";
import { type Credentials, secretsOf } from "../registry/credentials.ts";
import { findCredentials } from "../registry/find-credentials.ts";
import { hideFromOtherProcesses } from "../system/environ.ts";
import { readSmallFile } from "../system/small-file.ts";
import type { ImageRequest } from "./validate.ts";

const MAX_PASSWORD_BYTES = 1024 * 1024;

/** The credentials for an image's registry, if there are any. Throws CREDENTIALS_UNREADABLE. */
export async function credentialsFor(
  request: ImageRequest,
  reference: Reference,
): Promise<Credentials | undefined> {
  return keptOutOfLog(
    (await givenCredentials(request)) ?? (await filedCredentials(request, reference)),
  );
}

/** The credentials that files have for a mirror: what the settings give is for the registry itself. */
export async function credentialsForMirror(
  request: ImageRequest,
  reference: Reference,
): Promise<Credentials | undefined> {
  return keptOutOfLog(await filedCredentials(request, reference));
}

/** Where credentials would come from, in the order in which they are looked for: names, and nothing of what is there. */
export async function credentialSources(
  settings: Pick<ImageRequest, "registryUser" | "host">,
): Promise<readonly string[]> {
  const given = settings.registryUser === undefined ? [] : [nameOf("registryUser")];
  return [...given, ...(await credentialFiles(settings.host))];
}

function keptOutOfLog(credentials: Credentials | undefined): Credentials | undefined {
  if (credentials === undefined) return undefined;
  for (const secret of secretsOf(credentials)) keepOutOfLog(secret);
  return credentials;
}

async function givenCredentials(request: ImageRequest): Promise<Credentials | undefined> {
  const { registryUser: username, registryPassword, registryPasswordFile = "" } = request;
  if (username === undefined) return undefined;
  const password = withoutLineBreak(registryPassword ?? (await readPassword(registryPasswordFile)));
  if (password !== "") return { username, password };
  throw registryPassword === undefined
    ? refused(`${nameOf("registryPasswordFile")} ${printable(registryPasswordFile)} is empty`)
    : refused(`${nameOf("registryPassword")} is empty`);
}

async function filedCredentials(
  { host }: ImageRequest,
  reference: Reference,
): Promise<Credentials | undefined> {
  const files = await credentialFiles(host);
  if (files.length === 0) return undefined;
  hideFromOtherProcesses();
  const found = await findCredentials(reference, { files, environment: host });
  if (found === undefined) return undefined;
  // Whoever is refused with them may not know of them; and a mirror has its own.
  log.info(`signing in to ${reference.registry} with the credentials of ${found.source}`);
  return { ...found.credentials, source: found.source };
}

// A pipe may keep its reader waiting, and a signal must be heard meanwhile.
async function readPassword(path: string): Promise<string> {
  hideFromOtherProcesses();
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readSmallFile(path, MAX_PASSWORD_BYTES);
  } catch (error) {
    throw refused(`${nameOf("registryPasswordFile")} cannot be read: ${reasonOf(error)}`, error);
  }
  if (bytes !== undefined) return Buffer.from(bytes).toString();
  throw refused(`${nameOf("registryPasswordFile")} ${printable(path)} is larger than 1 MiB`);
}

// Editors and `echo` end a file with one, and a variable may be filled from a file.
function withoutLineBreak(password: string): string {
  return password.replace(/\r?\n$/, "");
}

function refused(message: string, cause?: unknown): RunnerError {
  return new RunnerError("CREDENTIALS_UNREADABLE", message, { cause });
}
