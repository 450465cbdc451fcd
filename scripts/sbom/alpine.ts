// The packages that an Alpine root file system says it has installed. Knows the database of apk, and no image.
//
// https://wiki.alpinelinux.org/wiki/Apk_spec#Installed_Database_V2

import { licenseExpression } from "./license.ts";
import type { Part } from "./spdx.ts";

/** Where the database lies, in a layer's own way of naming. */
export const APK_DATABASE = "lib/apk/db/installed";

/** The packages of a database, sorted by name. `release` is Alpine's own version, as /etc/alpine-release has it. */
export function alpinePackages(database: string, release: string): Part[] {
  return database
    .split(/\n{2,}/)
    .filter((record) => record.trim() !== "")
    .map((record) => alpinePart(record, release.trim()))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

function alpinePart(record: string, release: string): Part {
  const field = (letter: string) => new RegExp(`^${letter}:(.*)$`, "m").exec(record)?.[1];
  const [name, version, architecture] = [field("P"), field("V"), field("A")];
  if (name === undefined || version === undefined || architecture === undefined) {
    throw new Error(
      `apk's database has a package without name, version or architecture: ${record}`,
    );
  }
  const qualifiers = `arch=${architecture}&distro=alpine-${release}`;
  return {
    name,
    version,
    purl: `pkg:apk/alpine/${encodeURIComponent(name)}@${encodeURIComponent(version)}?${qualifiers}`,
    purpose: "LIBRARY",
    ...checksum(field("C")),
    ...licenseExpression(field("L")),
  };
}

// "Q1" is what apk calls SHA-1 in Base64: over the package's control part, which names the SHA-256 of the rest.
function checksum(text: string | undefined): Pick<Part, "checksum"> {
  const base64 = /^Q1([A-Za-z0-9+/=]+)$/.exec(text ?? "")?.[1];
  if (base64 === undefined) return {};
  const value = Buffer.from(base64, "base64").toString("hex");
  return { checksum: { algorithm: "SHA1", value } };
}
