// Image references: Docker's grammar, Docker Hub's short names, and one canonical name for each registry.
// https://github.com/distribution/reference/blob/v0.6.0/reference.go
//
//   [registry[:port]/]path/components[:tag][@digest]

import { RunnerError } from "../errors.ts";
import type { Digest } from "./digest.ts";
import {
  clip,
  digestProblem,
  registryProblem,
  repositoryProblem,
  tagProblem,
  textProblem,
} from "./reference-problem.ts";

declare const brand: unique symbol;

/** A parsed reference: its parts are safe in a URL and in argv. */
export interface Reference {
  readonly [brand]: "Reference";
  /** Host and port, in lower case; `docker.io` under whichever name Docker Hub was called. */
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string;
  /** Where it is present the tag is only information. */
  readonly digest?: Digest;
}

export const DOCKER_HUB = "docker.io";

const DOCKER_HUB_NAMES = new Set([DOCKER_HUB, "index.docker.io", "registry-1.docker.io"]);
const MAX_NAME = 255;

/**
 * Parses a reference; the tag is `latest` when there is neither tag nor digest.
 * Throws REFERENCE_INVALID with a sentence for each way to get it wrong.
 */
export function parseReference(unsafeText: string): Reference {
  if (unsafeText === "") throw new RunnerError("REFERENCE_INVALID", "the image reference is empty");
  const parts = split(unsafeText);
  const problem = problemOf(unsafeText, parts);
  if (problem !== undefined) {
    throw new RunnerError(
      "REFERENCE_INVALID",
      `the image reference "${clip(unsafeText)}" ${problem}`,
    );
  }
  const registry = canonicalRegistry(parts.registry);
  const isShort = registry === DOCKER_HUB && !parts.repository.includes("/");
  const repository = isShort ? `library/${parts.repository}` : parts.repository;
  const tag = parts.tag ?? (parts.digest === undefined ? "latest" : undefined);
  const reference = {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(parts.digest === undefined ? {} : { digest: parts.digest }),
  };
  // The one place where the brands are given: `problemOf` has looked at each part.
  return reference as Reference & { readonly digest?: Digest };
}

/** The whole name, with the registry. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

/** The same image, but exactly these bytes of it: for the manifests that an index names. */
export function pinReference(reference: Reference, digest: Digest): Reference {
  return { ...reference, digest };
}

/** The one name of a registry: in lower case, and Docker Hub's three names as one. */
export function canonicalRegistry(registry: string): string {
  const lower = registry.toLowerCase();
  return DOCKER_HUB_NAMES.has(lower) ? DOCKER_HUB : lower;
}

interface UnsafeParts {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

function split(unsafeText: string): UnsafeParts {
  const [name, digest] = cut(unsafeText, unsafeText.indexOf("@"));
  // A colon before the last slash belongs to a registry's port.
  const colon = name.lastIndexOf(":");
  const [path, tag] = cut(name, colon > name.lastIndexOf("/") ? colon : -1);
  const [first, rest] = cut(path, path.indexOf("/"));
  // The first component is a registry only if it looks like a host: `mcp/fetch` is docker.io/mcp/fetch. Docker also
  // takes `Org/server` for a host; that is far more likely a repository in the wrong case, and is refused as one.
  const isHost = rest !== undefined && (first === "localhost" || /[.:[\]]/.test(first));
  if (isHost) return { registry: first, repository: rest, tag, digest };
  return { registry: DOCKER_HUB, repository: path, tag, digest };
}

function problemOf(unsafeText: string, parts: UnsafeParts): string | undefined {
  const { registry, repository, tag, digest } = parts;
  const problem =
    textProblem(unsafeText) ??
    (digest === undefined ? undefined : digestProblem(digest)) ??
    (unsafeText.startsWith("@") ? "has a digest but no name before it" : undefined) ??
    (tag === undefined ? undefined : tagProblem(tag)) ??
    registryProblem(registry) ??
    repositoryProblem(repository);
  if (problem !== undefined) return problem;
  const length = `${registry}/${repository}`.length;
  return length > MAX_NAME
    ? `has a name of ${length} characters, of which ${MAX_NAME} are allowed`
    : undefined;
}

function cut(text: string, index: number): [string, string | undefined] {
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}
