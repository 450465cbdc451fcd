// What IMAGE names: an image in a registry, or one on this machine's disk. The prefixes are those of skopeo and podman,
// and so is their grammar: the first colon ends the path, since what follows it is often a name with a colon of its own.
// https://github.com/containers/image/blob/v5.32.0/docs/containers-transports.5.md
//
//   [registry[:port]/]path[:tag][@digest]   oci:DIRECTORY[:TAG]   oci-archive:FILE[:TAG]   docker-archive:FILE[:TAG]

import { printable, RunnerError } from "../errors.ts";
import { clip } from "./reference-problem.ts";
import { formatReference, parseReference, type Reference } from "./reference.ts";

export type ImageName =
  | { readonly kind: "registry"; readonly reference: Reference }
  | DiskImageName;

export interface DiskImageName {
  readonly kind: "oci" | "oci-archive" | "docker-archive";
  /** As it was written, perhaps relative to the working directory. Printable. */
  readonly path: string;
  /** Which of several images: a tag, or whatever else its entry there is called. Printable. */
  readonly tag?: string;
}

const ON_DISK = /^(oci|oci-archive|docker-archive):([^:]*)(?::(.*))?$/s;

/**
 * Parses a name. A repository called `oci` without anything before it is out of reach; `docker.io/library/oci` is not.
 * Throws REFERENCE_INVALID with a sentence for each way to get it wrong.
 */
export function parseImageName(unsafeText: string): ImageName {
  const problem = foreignProblem(unsafeText);
  if (problem !== undefined) throw refusal(unsafeText, problem);
  const [, kind, path, tag] = ON_DISK.exec(unsafeText) ?? [];
  if (kind === undefined || path === undefined) {
    return { kind: "registry", reference: parseReference(unsafeText) };
  }
  if (path === "") throw refusal(unsafeText, `has no path after "${kind}:"`);
  if (tag === "") throw refusal(unsafeText, 'has a ":" without a name after it');
  // It stands in messages, and NUL would end a path early.
  if (printable(unsafeText) !== unsafeText)
    throw refusal(unsafeText, "contains a control character");
  // The expression knows no other kinds.
  return { kind: kind as "oci", path, ...(tag === undefined ? {} : { tag }) };
}

/** The whole name, as it can be written in IMAGE. */
export function formatImageName(name: ImageName): string {
  if (name.kind === "registry") return formatReference(name.reference);
  const { kind, path, tag } = name;
  return `${kind}:${path}${tag === undefined ? "" : `:${tag}`}`;
}

const FOREIGN: readonly (readonly [prefix: string, problem: (rest: string) => string])[] = [
  ["docker://", (rest) => `begins with "docker://", which only other programs want: write ${rest}`],
  [
    "docker-daemon:",
    (rest) =>
      `asks for a Docker daemon, which is not used: write docker-archive:image.tar after \`docker save -o image.tar ${rest}\``,
  ],
  [
    "containers-storage:",
    (rest) =>
      `asks for podman's storage, which is not used: write oci-archive:image.tar after \`podman save --format oci-archive -o image.tar ${rest}\``,
  ],
  [
    "dir:",
    (rest) =>
      `asks for skopeo's own kind of directory: write oci:layout after \`skopeo copy dir:${rest} oci:layout\``,
  ],
];

function foreignProblem(unsafeText: string): string | undefined {
  const found = FOREIGN.find(([prefix]) => unsafeText.startsWith(prefix));
  return found?.[1](clip(unsafeText.slice(found[0].length)));
}

function refusal(unsafeText: string, problem: string): RunnerError {
  return new RunnerError("REFERENCE_INVALID", `the image name "${clip(unsafeText)}" ${problem}`);
}
