// What is inside the two things that a release consists of, the binary and the image.

import packageJson from "../../package.json";
import type { Metafile, Target } from "../build.ts";
import { bunPart } from "./bun.ts";
import { bundledPackages } from "./npm.ts";
import type { Inventory, Part } from "./spdx.ts";

export interface BuiltBinary {
  readonly target: Target;
  /** In lower-case hexadecimal digits. */
  readonly sha256: string;
  readonly metafile: Metafile;
}

export interface BuiltImage {
  /** Such as `linux/amd64`. */
  readonly platform: string;
  /** Of its manifest. */
  readonly digest: string;
  readonly binary: BuiltBinary;
  readonly packages: readonly Part[];
  /** What everybody must know who reads the list. */
  readonly comment?: string;
}

const NAME = packageJson.name;
const VERSION = packageJson.version;

export function binaryInventory(binary: BuiltBinary, createdAt: number): Inventory {
  return { name: `${NAME}-${binary.target}`, roots: [binaryPart(binary)], createdAt };
}

/** One document for some platforms of an image: one of them, or all that an index names. */
export function imageInventory(images: readonly BuiltImage[], createdAt: number): Inventory {
  const platforms = images.map(({ platform }) => platform.replaceAll("/", "-"));
  const name = [NAME, "image", ...(platforms.length === 1 ? platforms : [])].join("-");
  return { name, roots: images.map(imagePart), createdAt };
}

function binaryPart({ target, sha256, metafile }: BuiltBinary): Part {
  return {
    name: `${NAME}-${target}`,
    version: VERSION,
    purl: `pkg:github/${packageJson.repository.replace(/^github:/, "")}@v${VERSION}`,
    license: packageJson.license,
    checksum: { algorithm: "SHA256", value: sha256 },
    purpose: "APPLICATION",
    contains: [bunPart(), ...bundledPackages(metafile)],
  };
}

function imagePart({ platform, digest, binary, packages, comment }: BuiltImage): Part {
  const [, architecture = ""] = platform.split("/");
  const repository = encodeURIComponent(
    `ghcr.io/${packageJson.repository.replace(/^github:/, "")}`,
  );
  return {
    name: `${NAME} for ${platform}`,
    version: VERSION,
    purl: `pkg:oci/${NAME}@${encodeURIComponent(digest)}?arch=${architecture}&repository_url=${repository}`,
    checksum: { algorithm: "SHA256", value: digest.replace(/^sha256:/, "") },
    purpose: "CONTAINER",
    contains: [binaryPart(binary), ...packages],
    ...(comment !== undefined && { comment }),
  };
}
