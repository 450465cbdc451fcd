// What crane is told of credentials: ours and no others. It neither runs a helper nor looks into its user's files.

import { DOCKER_HUB } from "../oci/reference.ts";
import { DOCKER_HUB_KEY } from "./credential-keys.ts";
import type { Credentials } from "./credentials.ts";

/** The text of a config.json with one entry, for one registry. */
export function craneConfig(registry: string, credentials: Credentials): string {
  const key = registry === DOCKER_HUB ? DOCKER_HUB_KEY : registry;
  return JSON.stringify({ auths: { [key]: entryOf(credentials) } });
}

// In the fields of their own a user name may have a colon and a password may end in anything.
function entryOf(credentials: Credentials): Readonly<Record<string, string>> {
  if ("registryToken" in credentials) return { registrytoken: credentials.registryToken };
  if ("password" in credentials) {
    return { username: credentials.username, password: credentials.password };
  }
  const { identityToken, username } = credentials;
  return { ...(username === undefined ? {} : { username }), identitytoken: identityToken };
}
