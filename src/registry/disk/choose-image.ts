// Which of the images in a layout or an archive is meant. Knows names, and nothing of the images themselves.

import { printable, RunnerError } from "../../errors.ts";
import type { Digest } from "../../oci/digest.ts";
import { formatReference, parseReference } from "../../oci/reference.ts";

/** One image, and what it may be called by. */
export interface NamedImage {
  readonly unsafeNames: readonly string[];
  /** Tells whether two entries are one image under two names. */
  readonly identity: Digest | string;
}

const MAX_LISTED = 20;

/**
 * The image of this name: as it is written, else as Docker would read it (`busybox` is
 * `docker.io/library/busybox:latest`), else by its tag alone. Without a name, the only image.
 * Throws IMAGE_NOT_FOUND with a list of the names.
 */
export function chooseImage<Image extends NamedImage>(
  images: readonly Image[],
  unsafeWanted: string | undefined,
  where: string,
): Image {
  for (const candidates of candidatesFor(images, unsafeWanted)) {
    const [first] = candidates;
    if (first === undefined) continue;
    if (candidates.every(({ identity }) => identity === first.identity)) return first;
    const which = unsafeWanted === undefined ? "images" : `images called ${shown(unsafeWanted)}`;
    throw notFound(`${where} holds ${candidates.length} ${which}: ${listed(candidates)}`);
  }
  throw images.length === 0
    ? notFound(`${where} holds no image`)
    : notFound(`${where} holds no image called ${shown(unsafeWanted ?? "")}: ${listed(images)}`);
}

/** From the most exact reading of the name to the loosest. */
function candidatesFor<Image extends NamedImage>(
  images: readonly Image[],
  unsafeWanted: string | undefined,
): readonly (readonly Image[])[] {
  if (unsafeWanted === undefined) return [images];
  const wanted = canonical(unsafeWanted);
  const rules: readonly ((unsafeName: string) => boolean)[] = [
    (unsafeName) => unsafeName === unsafeWanted,
    (unsafeName) => wanted !== undefined && canonical(unsafeName) === wanted,
    (unsafeName) => unsafeName.endsWith(`:${unsafeWanted}`),
  ];
  return rules.map((rule) => images.filter(({ unsafeNames }) => unsafeNames.some(rule)));
}

function canonical(unsafeName: string): string | undefined {
  try {
    return formatReference(parseReference(unsafeName));
  } catch {
    return undefined;
  }
}

function listed(images: readonly NamedImage[]): string {
  const names = images.map(({ unsafeNames: [name] }) =>
    name ? shown(name) : "one without a name",
  );
  const more = names.length > MAX_LISTED ? ` and ${names.length - MAX_LISTED} more` : "";
  return names.slice(0, MAX_LISTED).join(", ") + more;
}

function shown(unsafeName: string): string {
  return printable(unsafeName.slice(0, 200));
}

function notFound(message: string): RunnerError {
  return new RunnerError("IMAGE_NOT_FOUND", message, {
    hint: "Name one of the images after the path, as in oci:/path:NAME.",
  });
}
