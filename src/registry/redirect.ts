// Where a registry may send us, and to whom it may have us show a password. Pure.

import { RunnerError, printable } from "../errors.ts";
import { DOCKER_HUB } from "../oci/reference.ts";
import { endpointOf, zoneOf } from "./host.ts";

/** Signed addresses have a few thousand characters. */
const MAX_LOCATION = 16_384;

/**
 * The next address after a redirect.
 * A registry that anybody may run must not make this machine ask its own services, its network's, or a cloud's
 * metadata address (169.254.169.254) on its behalf, nor undo the encryption on the way.
 * Throws REGISTRY_REDIRECT_REFUSED, REGISTRY_RESPONSE_INVALID.
 */
export function nextAddress(from: URL, unsafeLocation: string | null): URL {
  const isUsable = unsafeLocation !== null && unsafeLocation.length <= MAX_LOCATION;
  const url = isUsable ? URL.parse(unsafeLocation, from.href) : null;
  if (url === null) {
    throw new RunnerError(
      "REGISTRY_RESPONSE_INVALID",
      `${from.host} redirects its clients without saying where`,
    );
  }
  const problem = schemeProblem(from, url) ?? zoneProblem(from, url);
  if (problem !== undefined)
    throw refused(`${from.host} redirects its clients to ${placeOf(url)}, ${problem}`);
  return url;
}

/**
 * Reads the address of a token service, which a registry names in its challenge. `endpoint` is the root of its API.
 * Throws REGISTRY_REDIRECT_REFUSED, REGISTRY_RESPONSE_INVALID.
 */
export function parseRealm(
  unsafeRealm: string,
  registry: string,
  endpoint = endpointOf(registry),
): URL {
  const url = URL.parse(unsafeRealm);
  if (url === null) {
    throw new RunnerError(
      "REGISTRY_RESPONSE_INVALID",
      `${registry} names a token service that is no address: ${printable(unsafeRealm).slice(0, 120)}`,
    );
  }
  checkRealm(url, registry, endpoint);
  return url;
}

/** Checks where a token is to be asked for, be it named by a challenge or by a redirect. */
export function checkRealm(url: URL, registry: string, endpoint: URL): void {
  const isOwnHost = url.hostname === endpoint.hostname;
  const isNear =
    zoneOf(url) !== "public" && !(zoneOf(url) === "loopback" && zoneOf(endpoint) === "loopback");
  const problem =
    schemeProblem(endpoint, url) ??
    (isNear && !isOwnHost ? "which is not a public address" : undefined);
  if (problem !== undefined)
    throw refused(`${registry} asks for a token from ${placeOf(url)}, ${problem}`);
}

/**
 * Checks an address that an image names for one of its own blobs. Anybody can write one, so it is held to more than a
 * registry's redirect: always https, but where both are on this machine.
 * Throws REGISTRY_REDIRECT_REFUSED, IMAGE_INVALID.
 */
export function parseBlobUrl(unsafeUrl: string, endpoint: URL): URL {
  const url = URL.parse(unsafeUrl);
  if (url === null) {
    throw new RunnerError(
      "IMAGE_INVALID",
      `the image names a place for a part of itself that is no address: ${printable(unsafeUrl).slice(0, 120)}`,
    );
  }
  const isHere = zoneOf(url) === "loopback" && zoneOf(endpoint) === "loopback";
  const isPlain = url.protocol === "http:" && !isHere;
  const problem =
    (isPlain ? "which is not encrypted" : undefined) ??
    schemeProblem(endpoint, url) ??
    zoneProblem(endpoint, url);
  if (problem !== undefined)
    throw refused(`the image keeps a part of itself at ${placeOf(url)}, ${problem}`);
  return url;
}

/**
 * Whether a token service belongs to a registry, so that it may see the password: the same host, one below it, or one
 * beside or above it (registry.gitlab.com has gitlab.com). Docker Hub's is known by name.
 */
export function belongsTo(realm: URL, registry: string): boolean {
  if (registry === DOCKER_HUB) return realm.host === "auth.docker.io";
  const own = endpointOf(registry).hostname;
  if (realm.hostname === own || realm.hostname.endsWith(`.${own}`)) return true;
  const parent = own.slice(own.indexOf(".") + 1);
  if (zoneOf(realm) !== "public" || !hasOwner(parent)) return false;
  return realm.hostname === parent || realm.hostname.endsWith(`.${parent}`);
}

// Not a list of public suffixes, only the shapes that are never one owner's: "com", "co.uk". The registry that names
// its token service could have asked for the password itself, so this guards against mistakes more than malice.
function hasOwner(domain: string): boolean {
  return (
    domain.includes(".") &&
    !/^(?:ac|co|com|edu|gov|net|org)\.[a-z]{2}$/.test(domain) &&
    !/^[\d.]+$/.test(domain)
  );
}

function schemeProblem(from: URL, to: URL): string | undefined {
  if (to.protocol !== "https:" && to.protocol !== "http:") return "which is not http";
  if (to.protocol === "http:" && from.protocol === "https:") return "which is not encrypted";
  if (to.username !== "" || to.password !== "") return "with a username in the address";
  return undefined;
}

function zoneProblem(from: URL, to: URL): string | undefined {
  const zone = zoneOf(to);
  if (zone === "public" || zone === zoneOf(from) || to.hostname === from.hostname) return undefined;
  // A registry on this machine may keep its blobs in this network; nothing may lead to link-local addresses.
  if (zone === "private" && zoneOf(from) === "loopback") return undefined;
  return "which is not a public address";
}

// Without path and query: the address of a blob may carry a signature that is as good as a password.
function placeOf(url: URL): string {
  return printable(`${url.protocol}//${url.host}`).slice(0, 120);
}

function refused(message: string): RunnerError {
  return new RunnerError("REGISTRY_REDIRECT_REFUSED", message);
}
