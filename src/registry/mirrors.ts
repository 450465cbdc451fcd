// REGISTRY_MIRRORS: who is asked before a registry itself. Grammar and names only; asks nobody.
//
//   registry=mirror[,mirror…][;registry=mirror…]      mirror: [https://]host[:port][/repository/prefix]

import { RunnerError, printable } from "../errors.ts";
import { formatReference, parseReference, type Reference } from "../oci/reference.ts";

/** A registry that has copies of another one's images, below a prefix if it has those of several. */
export interface Mirror {
  /** As a reference names it. */
  readonly registry: string;
  /** Empty, or `prefix/` to be put before a repository's name. */
  readonly prefix: string;
}

/** For each registry its mirrors, in the order in which they are asked. */
export type Mirrors = ReadonlyMap<string, readonly Mirror[]>;

/** Throws INPUT_INVALID with a sentence for each way to get it wrong. */
export function parseMirrors(text: string): Mirrors {
  const mirrors = new Map<string, readonly Mirror[]>();
  for (const entry of text.split(";").map((part) => part.trim())) {
    if (entry === "") continue;
    const [unsafeRegistry = "", unsafeList, more] = entry.split("=");
    if (unsafeList === undefined || more !== undefined) {
      throw invalid(
        entry,
        "must be written as registry=mirror, such as docker.io=mirror.example.com",
      );
    }
    const registry = registryNamed(unsafeRegistry);
    if (mirrors.has(registry)) throw invalid(entry, `names mirrors of ${registry} a second time`);
    mirrors.set(registry, unsafeList.split(",").map(parseMirror));
  }
  return mirrors;
}

/**
 * REGISTRY_PLAIN_HTTP: registries as images' names have them, with the port. Throws INPUT_INVALID.
 */
export function parseRegistries(text: string): ReadonlySet<string> {
  const names = text.split(",").filter((name) => name.trim() !== "");
  return new Set(names.map(registryNamed));
}

/** The name that an image has in a mirror. Throws REFERENCE_INVALID where that is too long. */
export function mirrored(reference: Reference, { registry, prefix }: Mirror): Reference {
  const own = formatReference(reference).slice(reference.registry.length + 1);
  return parseReference(`${registry}/${prefix}${own}`);
}

/** For messages. */
export function formatMirror({ registry, prefix }: Mirror): string {
  return `${registry}/${prefix}`.replace(/\/$/, "");
}

function parseMirror(unsafeText: string): Mirror {
  const text = unsafeText.trim();
  if (/^http:/i.test(text)) {
    throw invalid(
      text,
      "must not begin with http://: REGISTRY_PLAIN_HTTP says who is asked without encryption",
    );
  }
  const [host = "", ...path] = text
    .replace(/^https:\/\//i, "")
    .replace(/\/$/, "")
    .split("/");
  const registry = registryNamed(host);
  if (path.length === 0) return { registry, prefix: "" };
  const prefix = path.join("/");
  if (repositoryIn(registry, `${prefix}/x`) !== `${prefix}/x`)
    throw invalid(text, "has a path that no repository can have");
  return { registry, prefix: `${prefix}/` };
}

// What counts as a registry is for the names of images to say.
function registryNamed(unsafeText: string): string {
  const text = unsafeText.trim();
  if (repositoryIn(text, "x/y") === "x/y") return parseReference(`${text}/x/y`).registry;
  throw invalid(
    text,
    "must be a registry as it stands in an image's name, such as ghcr.io or host:5000",
  );
}

function repositoryIn(registry: string, path: string): string | undefined {
  try {
    const { repository, tag, digest } = parseReference(`${registry}/${path}`);
    return tag === "latest" && digest === undefined ? repository : undefined;
  } catch {
    return undefined;
  }
}

// Who writes a username and a password before a host does so in the hope that they stay between us.
function invalid(unsafeText: string, problem: string): RunnerError {
  const shown = printable(unsafeText.replace(/^.*@/s, "…@")).slice(0, 100);
  return new RunnerError("INPUT_INVALID", `"${shown}" ${problem}`);
}
