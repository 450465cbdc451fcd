// What a file holds under one key, as credentials.
// https://github.com/docker/cli/blob/v28.3.3/cli/config/types/authconfig.go

import * as v from "valibot";
import type { Credentials, PasswordCredentials } from "./credentials.ts";

/** Credentials, or what is wrong with them; neither for an entry that docker leaves behind when a helper has them. */
export interface ParsedEntry {
  readonly credentials?: Credentials;
  /** The end of a sentence, without anything secret. */
  readonly problem?: string;
}

const entrySchema = v.object({
  auth: v.nullish(v.string(), ""),
  username: v.nullish(v.string(), ""),
  password: v.nullish(v.string(), ""),
  identitytoken: v.nullish(v.string(), ""),
  registrytoken: v.nullish(v.string(), ""),
});

/** The more special comes first: a token for the registry, one for its token service, a user name and a password. */
export function parseEntry(unsafeEntry: unknown): ParsedEntry {
  // What valibot has to say would quote the secret.
  const result = v.safeParse(entrySchema, unsafeEntry ?? {});
  if (!result.success) return { problem: "is not written as docker writes it" };
  const { auth, username, password, identitytoken, registrytoken } = result.output;
  if (registrytoken !== "") return parseRegistryToken(registrytoken);
  const account = auth === "" ? { username, password } : decodeAuth(auth);
  if (account === undefined)
    return { problem: 'has an "auth" that is not base64 of user:password' };
  if (identitytoken !== "") return identity(identitytoken, account.username);
  if (account.username !== "") return { credentials: account };
  return account.password === "" ? {} : { problem: "has a password but no user name" };
}

/** The credentials that an identity token is, with the name of its user where there is one. */
export function identity(identityToken: string, username: string): ParsedEntry {
  return { credentials: { identityToken, ...(username === "" ? {} : { username }) } };
}

// It stands in a header as it is, where a line break would begin another one.
function parseRegistryToken(registryToken: string): ParsedEntry {
  if (/^[\x21-\x7e]+$/.test(registryToken)) return { credentials: { registryToken } };
  return { problem: 'has a "registrytoken" that no header can hold' };
}

// docker pads its base64, others do not; the password may hold a colon, and old versions ended it with zeros.
function decodeAuth(auth: string): PasswordCredentials | undefined {
  const base64 = auth.trim();
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined;
  const text = decodeUtf8(Buffer.from(base64, "base64"));
  const colon = text?.indexOf(":") ?? -1;
  if (text === undefined || colon < 1) return undefined;
  const password = text.slice(colon + 1).replace(/\0+$/, "");
  return { username: text.slice(0, colon), password };
}

// Bytes in another encoding would be sent as a password that nobody has chosen.
function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
