// The files in which docker, podman and crane keep credentials: where they are, in which order they are read, and what
// makes one of them unusable. Knows neither images nor helpers.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { printable, RunnerError } from "../errors.ts";
import { errnoOf } from "../system/disk-error.ts";
import { readSmallFile } from "../system/small-file.ts";
import { parseJson } from "./json.ts";

/** What a file says, the parts that nobody has asked for unread. */
export interface CredentialFile {
  readonly path: string;
  /** Credentials by key. */
  readonly unsafeEntries: Readonly<Record<string, unknown>>;
  /** Names of helpers by key; an empty one stands for none. */
  readonly unsafeHelpers: Readonly<Record<string, string>>;
  /** The helper for every other registry. */
  readonly unsafeHelper: string;
}

interface Place {
  readonly path: string;
  /** Somebody has asked for just this file. */
  readonly isNamed: boolean;
}

const MAX_FILE_BYTES = 1024 * 1024;

const HINT =
  "Correct or remove that file, or set REGISTRY_USER and REGISTRY_PASSWORD, which come before it.";

const fileSchema = v.pipe(
  mapOf(v.unknown()),
  v.object({
    auths: v.nullish(mapOf(v.unknown()), {}),
    credHelpers: v.nullish(mapOf(v.string()), {}),
    credsStore: v.nullish(v.string(), ""),
  }),
);

/** The paths of those files that are there, in the order in which they are asked. */
export async function credentialFiles(
  environment: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const places = await Promise.all(
    placesIn(environment).map(async (place) => ((await isThere(place)) ? [place.path] : [])),
  );
  return [...new Set(places.flat())];
}

/** Reads a file whole. Throws CREDENTIALS_UNREADABLE, which names it and quotes nothing of it. */
export async function readCredentialFile(path: string): Promise<CredentialFile> {
  const text = new TextDecoder().decode(await readBytes(path));
  // For docker too a file without anything in it is one without credentials.
  const value = text.trim() === "" ? {} : parseJson(text);
  if (value === undefined) throw unreadable(path, "is not valid JSON");
  const result = v.safeParse(fileSchema, value);
  if (!result.success) throw unreadable(path, "is not written as docker and podman write it");
  const { auths, credHelpers, credsStore } = result.output;
  return { path, unsafeEntries: auths, unsafeHelpers: credHelpers, unsafeHelper: credsStore };
}

/** The error for a file that cannot be used. `problem` ends the sentence and holds nothing secret. */
export function unreadable(path: string, problem: string, hint = HINT): RunnerError {
  return new RunnerError(
    "CREDENTIALS_UNREADABLE",
    `the credentials file ${printable(path)} ${problem}`,
    { hint },
  );
}

// For valibot a list is a record too.
function mapOf<T>(schema: v.GenericSchema<T>) {
  return v.pipe(
    v.custom<Record<string, unknown>>((value) => !Array.isArray(value)),
    v.record(v.string(), schema),
  );
}

// https://github.com/google/go-containerregistry/blob/v0.20.6/pkg/authn/keychain.go#L88
function placesIn(environment: Readonly<Record<string, string>>): readonly Place[] {
  const { DOCKER_CONFIG, REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, HOME } = environment;
  const configHome = environment["XDG_CONFIG_HOME"] ?? (HOME && join(HOME, ".config"));
  const place = (isNamed: boolean, base: string | undefined, ...names: readonly string[]) =>
    base === undefined ? [] : [{ path: join(base, ...names), isNamed }];
  return [
    ...(DOCKER_CONFIG === undefined
      ? place(false, HOME, ".docker/config.json")
      : place(true, DOCKER_CONFIG, "config.json")),
    ...place(true, REGISTRY_AUTH_FILE),
    ...place(false, XDG_RUNTIME_DIR, "containers/auth.json"),
    ...place(false, configHome, "containers/auth.json"),
  ];
}

// HOME may be another user's: a container that is started with another UID keeps the image's. What cannot even be looked
// for there is as good as absent. Whatever else is wrong is told when the file is read.
async function isThere({ path, isNamed }: Place): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    return errno === "EACCES" ? isNamed : errno !== "ENOENT" && errno !== "ENOTDIR";
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readSmallFile(path, MAX_FILE_BYTES);
  } catch (error) {
    const errno = errnoOf(error);
    throw unreadable(path, errno === "EISDIR" ? "is a directory" : `cannot be read (${errno})`);
  }
  if (bytes === undefined) throw unreadable(path, "is larger than 1 MiB");
  return bytes;
}
