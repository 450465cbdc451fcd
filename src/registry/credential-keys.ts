// Under which names a file may keep what is for an image. Knows nothing of what is kept there.

import { canonicalRegistry, type Reference } from "../oci/reference.ts";

/** What credentials are wanted for: a repository, or a registry as a whole. */
export type Scope = Pick<Reference, "registry"> & Partial<Pick<Reference, "repository">>;

/** Docker's name for Docker Hub among credentials, and crane's. */
export const DOCKER_HUB_KEY = "https://index.docker.io/v1/";

interface Key {
  /** `host[:port][/path]`, the host by its one canonical name. */
  readonly name: string;
  /** Written as the address of a registry's API, as docker once did for all and still does for Docker Hub. */
  readonly isLegacy: boolean;
}

/**
 * Those of the keys that hold for an image, best first: the longest path, as podman has it, then the registry's host.
 * A port is part of a host. A path matches in whole components, so that what is for `ghcr.io/team` is never shown on
 * behalf of `ghcr.io/teammate`; a key with a scheme stands for its host, whatever path it has.
 */
export function matchingKeys(keys: readonly string[], scope: Scope): readonly string[] {
  const parsed = keys.map((key) => ({ key, ...parseKey(key) }));
  return namesOf(scope).flatMap((name) =>
    parsed
      .filter((candidate) => candidate.name === name)
      .toSorted((one, other) => Number(one.isLegacy) - Number(other.isLegacy))
      .map(({ key }) => key),
  );
}

/** `host/a/b`, `host/a`, `host`. */
function namesOf({ registry, repository }: Scope): readonly string[] {
  const components = [registry, ...(repository?.split("/") ?? [])];
  return components.map((_, index) => components.slice(0, components.length - index).join("/"));
}

// https://github.com/docker/cli/blob/v28.3.3/cli/config/credentials/file_store.go#L104
function parseKey(key: string): Key {
  const address = /^https?:\/\/([^/]*)/i.exec(key) ?? /^([^/]+)\/(?:v[12]\/)?$/.exec(key);
  if (address !== null) return { name: canonicalRegistry(address[1] ?? ""), isLegacy: true };
  const [host = "", ...path] = key.split("/");
  return { name: [canonicalRegistry(host), ...path].join("/"), isLegacy: false };
}
