// Writes lists of parts as SPDX 2.3 JSON. The same parts give the same bytes. Knows nothing of where parts come from.
//
// https://spdx.github.io/spdx-spec/v2.3/

/** Something that is inside a binary or an image, or such a thing itself. */
export interface Part {
  readonly name: string;
  readonly version: string;
  /** https://github.com/package-url/purl-spec */
  readonly purl?: string;
  /** An SPDX licence expression, as the part itself declares it. */
  readonly license?: string;
  readonly checksum?: Checksum;
  readonly purpose?: "APPLICATION" | "CONTAINER" | "FRAMEWORK" | "LIBRARY";
  readonly comment?: string;
  /** In the order in which they are listed. */
  readonly contains?: readonly Part[];
}

export interface Checksum {
  readonly algorithm: "SHA256" | "SHA512" | "SHA1";
  /** In lower-case hexadecimal digits. */
  readonly value: string;
}

export interface Inventory {
  readonly name: string;
  /** What the document is about, with all that is inside. */
  readonly roots: readonly Part[];
  /** When the thing was made, in seconds since 1970: not when the list was. */
  readonly createdAt: number;
}

/** A document as https://spdx.github.io/spdx-spec/v2.3/ describes it, as far as we fill it in. */
export interface SpdxDocument {
  readonly spdxVersion: "SPDX-2.3";
  readonly dataLicense: "CC0-1.0";
  readonly SPDXID: "SPDXRef-DOCUMENT";
  readonly name: string;
  readonly documentNamespace: string;
  readonly creationInfo: { readonly created: string; readonly creators: readonly string[] };
  readonly packages: readonly SpdxPackage[];
  readonly relationships: readonly SpdxRelationship[];
}

export interface SpdxPackage {
  readonly SPDXID: string;
  readonly name: string;
  readonly versionInfo: string;
  readonly downloadLocation: "NOASSERTION";
  readonly filesAnalyzed: false;
  readonly licenseConcluded: "NOASSERTION";
  readonly licenseDeclared: string;
  readonly copyrightText: "NOASSERTION";
  readonly primaryPackagePurpose?: string;
  readonly checksums?: readonly { readonly algorithm: string; readonly checksumValue: string }[];
  readonly externalRefs?: readonly {
    readonly referenceCategory: "PACKAGE-MANAGER";
    readonly referenceType: "purl";
    readonly referenceLocator: string;
  }[];
  readonly comment?: string;
}

export interface SpdxRelationship {
  readonly spdxElementId: string;
  readonly relationshipType: "DESCRIBES" | "CONTAINS";
  readonly relatedSpdxElement: string;
}

const NAMESPACE = "https://github.com/drengskapur/fastmcp-runner/spdx";
const DOCUMENT = "SPDXRef-DOCUMENT";

/** The document of an inventory. A part that is in several others is listed once for each. */
export function spdxDocument({ name, roots, createdAt }: Inventory): SpdxDocument {
  const packages: SpdxPackage[] = [];
  const relationships: SpdxRelationship[] = [];
  const add = (part: Part, owner: string, type: SpdxRelationship["relationshipType"]) => {
    const id = `SPDXRef-${packages.length + 1}-${idText(part.name)}`;
    packages.push(spdxPackage(part, id));
    relationships.push({ spdxElementId: owner, relationshipType: type, relatedSpdxElement: id });
    for (const inner of part.contains ?? []) add(inner, id, "CONTAINS");
  };
  for (const root of roots) add(root, DOCUMENT, "DESCRIBES");
  // Two documents must not share a namespace, and one must not have two: what is listed decides.
  const hash = new Bun.CryptoHasher("sha256").update(JSON.stringify([packages, relationships]));
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: DOCUMENT,
    name,
    documentNamespace: `${NAMESPACE}/${encodeURIComponent(name)}/${hash.digest("hex")}`,
    creationInfo: {
      created: new Date(createdAt * 1000).toISOString().replace(/\.\d+Z$/, "Z"),
      creators: ["Tool: fastmcp-runner-sbom"],
    },
    packages,
    relationships,
  };
}

export function spdxText(document: SpdxDocument): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function spdxPackage(part: Part, id: string): SpdxPackage {
  const { checksum, purl } = part;
  return {
    SPDXID: id,
    name: part.name,
    versionInfo: part.version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseConcluded: "NOASSERTION",
    licenseDeclared: part.license ?? "NOASSERTION",
    copyrightText: "NOASSERTION",
    ...(part.purpose && { primaryPackagePurpose: part.purpose }),
    ...(checksum && {
      checksums: [{ algorithm: checksum.algorithm, checksumValue: checksum.value }],
    }),
    ...(purl !== undefined && {
      externalRefs: [
        {
          referenceCategory: "PACKAGE-MANAGER" as const,
          referenceType: "purl" as const,
          referenceLocator: purl,
        },
      ],
    }),
    ...(part.comment !== undefined && { comment: part.comment }),
  };
}

// Letters, digits, "." and "-" are all that an identifier may have.
function idText(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9.-]+/g, "-").replace(/^-/, "");
}
