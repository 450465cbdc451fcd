// What is wrong with each part of an image reference, as the end of a sentence that begins with the reference.
// https://github.com/distribution/reference/blob/v0.6.0/regexp.go

import { isIPv6 } from "node:net";
import { printable } from "../errors.ts";
import { isDigest } from "./digest.ts";

const MAX_TAG = 128;
const LABEL = "(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])";
const HOST = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`, "i");
const REGISTRY = /^(\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/;
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]*$/;

/** What looks like something else than a reference, in its own words. */
export function textProblem(unsafeText: string): string | undefined {
  if (/\s/.test(unsafeText)) return "contains a space or a line break";
  const scheme = /^([a-z][a-z0-9+.-]*:\/\/)/i.exec(unsafeText)?.[1];
  if (scheme !== undefined) {
    return `begins like a URL, which no image reference does: leave out "${scheme}"`;
  }
  if (/^[0-9a-f]{64}$/.test(unsafeText)) {
    return "is an image's ID, which no registry can look up: name its repository";
  }
  return undefined;
}

export function digestProblem(unsafeDigest: string): string | undefined {
  if (isDigest(unsafeDigest)) return undefined;
  if (unsafeDigest === "") return 'ends in "@" without a digest';
  const colon = unsafeDigest.indexOf(":");
  if (colon < 0) return 'has a digest without "sha256:"';
  const algorithm = unsafeDigest.slice(0, colon);
  const hex = unsafeDigest.slice(colon + 1);
  if (algorithm !== "sha256" && algorithm !== "sha512") {
    return `has a digest of an unknown kind, "${clip(algorithm)}" (sha256 and sha512 are known)`;
  }
  if (/[^0-9a-f]/.test(hex)) return "has a digest with other characters than 0-9 and a-f";
  const length = algorithm === "sha256" ? 64 : 128;
  return `has a digest of ${hex.length} characters, where ${algorithm} has ${length}`;
}

export function tagProblem(unsafeTag: string): string | undefined {
  if (unsafeTag === "") return 'has a ":" without a tag after it';
  if (unsafeTag.length > MAX_TAG) return `has a tag of more than ${MAX_TAG} characters`;
  if (TAG.test(unsafeTag)) return undefined;
  return `has the tag "${clip(unsafeTag)}", but tags are letters, digits, _ . and -, beginning with none of . and -`;
}

export function registryProblem(unsafeRegistry: string): string | undefined {
  const [, unsafeHost = "", unsafePort] = REGISTRY.exec(unsafeRegistry) ?? [];
  if (!HOST.test(unsafeHost) && !isBracketedIPv6(unsafeHost)) {
    return `has "${clip(unsafeRegistry)}" as its registry, which is not a valid host`;
  }
  if (unsafePort === undefined || isPort(unsafePort)) return undefined;
  return `has "${clip(unsafePort)}" as its registry's port, which must be 1 to 65535`;
}

export function repositoryProblem(unsafeRepository: string): string | undefined {
  if (unsafeRepository === "") return "has no repository after the registry";
  const components = unsafeRepository.split("/");
  if (components.includes("")) return 'has an empty part: a "/" at an end, or two in a row';
  const upper = components.find((component) => /[A-Z]/.test(component));
  if (upper !== undefined) {
    return `has upper-case letters in "${clip(upper)}", but repositories are lower case`;
  }
  const wrong = components.find((component) => !PATH_COMPONENT.test(component));
  if (wrong === undefined) return undefined;
  return `has "${clip(wrong)}" in it, but each part is letters and digits, with one . or _, or two _, or any - between them`;
}

/** Unsafe text for a message: printable and not long. */
export function clip(unsafeText: string): string {
  const text = printable(unsafeText);
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}

// Without a zone: `%eth0` means something on one machine only.
function isBracketedIPv6(unsafeHost: string): boolean {
  return /^\[[0-9a-f:.]+\]$/i.test(unsafeHost) && isIPv6(unsafeHost.slice(1, -1));
}

function isPort(unsafePort: string): boolean {
  return /^[1-9][0-9]{0,4}$/.test(unsafePort) && Number(unsafePort) <= 65_535;
}
