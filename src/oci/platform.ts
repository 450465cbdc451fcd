// Platforms: their names, and the choice of the one entry of an index that this machine can run.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
// https://github.com/containerd/platforms/blob/v1.0.0/compare.go

import { RunnerError, printable } from "../errors.ts";
import type { Descriptor } from "./descriptor.ts";

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

const NAME = /^[a-z0-9][a-z0-9_.-]*$/;
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  x86_64: "amd64",
  "x86-64": "amd64",
  aarch64: "arm64",
  ia32: "386",
  i386: "386",
};
// What an architecture's name means when no variant is given.
const BASELINES: Readonly<Record<string, string>> = { amd64: "v1", arm: "v7", arm64: "v8" };
const ATTESTATION = "vnd.docker.reference.type";

/**
 * Parses `os/architecture[/variant]`; the kernel's names (x86_64, aarch64) are understood.
 * Throws INPUT_INVALID.
 */
export function parsePlatform(unsafeText: string): Platform {
  const [os = "", architecture = "", variant, ...rest] = unsafeText.toLowerCase().split("/");
  const parts = [os, architecture, ...(variant === undefined ? [] : [variant])];
  if (rest.length > 0 || !parts.every((part) => NAME.test(part))) {
    throw new RunnerError(
      "INPUT_INVALID",
      `"${printable(unsafeText.slice(0, 80))}" is not a platform: write it as linux/amd64 or linux/arm64/v8`,
    );
  }
  return normalise({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return printable([os, architecture, ...(variant ? [variant] : [])].join("/"));
}

/** The platform of this machine. */
export function hostPlatform(): Platform {
  return normalise({ os: "linux", architecture: process.arch });
}

/**
 * The entry of an index for a platform: the newest variant that it can run, the first of equals. An entry that names
 * no platform is returned only when no other fits: its own config, or the index it leads to, must decide.
 * Throws PLATFORM_MISSING with a list of what there is.
 */
export function choosePlatform(manifests: readonly Descriptor[], wanted: Platform): Descriptor {
  const images = manifests.filter(isImage);
  const best = images
    .flatMap((descriptor) => {
      const rank = descriptor.platform && rankOf(descriptor.platform, wanted);
      return rank === undefined ? [] : [{ descriptor, rank }];
    })
    .sort((one, other) => one.rank - other.rank)[0];
  const chosen = best?.descriptor ?? images.find(({ platform }) => platform === undefined);
  if (chosen !== undefined) return chosen;
  const offered = new Set(
    images.flatMap(({ platform }) => (platform ? [formatPlatform(platform)] : [])),
  );
  const list = offered.size === 0 ? "no platform at all" : [...offered].join(", ");
  throw new RunnerError(
    "PLATFORM_MISSING",
    `the image has nothing for ${formatPlatform(wanted)}; it offers ${list}`,
  );
}

/** Whether a machine of the wanted platform runs an image made for the offered one. */
export function runsOn(offered: Platform, wanted: Platform): boolean {
  return rankOf(offered, wanted) !== undefined;
}

// BuildKit puts attestations beside images, as platform unknown/unknown; signatures come as artifacts.
function isImage({ platform, annotations, artifactType }: Descriptor): boolean {
  if (annotations?.[ATTESTATION] !== undefined || artifactType !== undefined) return false;
  return platform?.os !== "unknown" && platform?.architecture !== "unknown";
}

/** How far an offered variant lies below the wanted one: 0 is the same; undefined is another platform, or too new. */
function rankOf(unsafeOffered: Platform, wanted: Platform): number | undefined {
  const offered = normalise(unsafeOffered);
  if (offered.os !== wanted.os || offered.architecture !== wanted.architecture) return undefined;
  const baseline = BASELINES[wanted.architecture];
  const [offeredLevel, wantedLevel] = [offered.variant ?? baseline, wanted.variant ?? baseline];
  if (offeredLevel === wantedLevel) return 0;
  const distance = levelOf(wantedLevel) - levelOf(offeredLevel);
  if (distance > 0) return distance;
  // A platform that was asked for without a variant may be any, once nothing at or below the baseline is there.
  return wanted.variant === undefined ? TOO_NEW : undefined;
}

const TOO_NEW = Number.MAX_SAFE_INTEGER;

// "v8" is 8 and "v8.2" is 8.2; a variant that is no number compares with nothing.
function levelOf(variant: string | undefined): number {
  return /^v\d+(?:\.\d+)?$/.test(variant ?? "") ? Number((variant ?? "").slice(1)) : Number.NaN;
}

function normalise(platform: Platform): Platform {
  const os = platform.os.toLowerCase();
  const name = platform.architecture.toLowerCase();
  const architecture = ARCHITECTURES[name] ?? name;
  const variant = platform.variant?.toLowerCase();
  return { os, architecture, ...(variant ? { variant } : {}) };
}
