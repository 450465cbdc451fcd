// A HOME with files of credentials in it, and what is found there for an image.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseReference } from "../../src/oci/reference.ts";
import { credentialFiles } from "../../src/registry/credential-files.ts";
import { findCredentials } from "../../src/registry/find-credentials.ts";
import type { TempDir } from "./temp-dir.ts";

export function encode(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** An entry of a file, for the account of that name. */
export function account(name: string) {
  return { auth: encode(`${name}:canary-${name}`) };
}

/** What is found where that entry is. */
export function found(name: string) {
  return { username: name, password: `canary-${name}` };
}

/** Writes a file, with its directories, and returns its path. */
export function write(path: string, content: string | object): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

export async function searchIn(
  home: TempDir,
  image: string,
  environment: Readonly<Record<string, string>> = {},
) {
  const all = { HOME: home.path, ...environment };
  const files = await credentialFiles(all);
  return await findCredentials(parseReference(image), { files, environment: all });
}
