import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "bun:test";
import packageJson from "../../package.json";
import { buildRunner, hostTarget, type Metafile } from "../../scripts/build.ts";
import { alpinePackages } from "../../scripts/sbom/alpine.ts";
import { binaryInventory, imageInventory } from "../../scripts/sbom/inventory.ts";
import { bundledPackages, packageFolders, readLockfile } from "../../scripts/sbom/npm.ts";
import { type SpdxDocument, spdxDocument, spdxText } from "../../scripts/sbom/spdx.ts";
import { tempDir } from "../support/temp-dir.ts";

const ROOT = join(import.meta.dir, "../..");
const BUILD_MS = 120_000;
const CREATED_AT = 1_700_000_000;
const SHA256 = "ab".repeat(32);

const APK = [
  "C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=\nP:alpine-baselayout\nV:3.7.0-r0\nA:x86_64\nL:GPL-2.0-only\nF:dev\nM:0:0:1777",
  "C:Q1rHXgKs/u6xPtJRrdvlgQ==\nP:libstdc++\nV:15.2.0-r2\nA:x86_64\nL:GPL-2.0-or-later AND LGPL-2.1-or-later\n",
  "P:crane\nV:0.20.6-r4\nA:x86_64\nL:see the file\n",
].join("\n\n");

let metafile: Metafile;

beforeAll(async () => {
  using directory = tempDir();
  const options = { target: hostTarget(), commit: "unknown", outfile: directory.file("runner") };
  metafile = await buildRunner(options);
}, BUILD_MS);

describe("the list of a binary", () => {
  const document = () =>
    spdxDocument(binaryInventory({ target: hostTarget(), sha256: SHA256, metafile }, CREATED_AT));

  test("names the very Bun that package.json pins and its engine", () => {
    const bun = document().packages.find(({ name }) => name === "bun");
    expect(`bun@${bun?.versionInfo}`).toBe(packageJson.packageManager);
    const engine = document().packages.find(({ name }) => name === "webkit");
    expect(engine?.versionInfo).toBe(process.versions["webkit"] ?? "absent");
  });

  test("names the npm packages whose code is bundled, as bun.lock has them, and no others", () => {
    const names = new Set(
      Object.values(metafile.outputs)
        .flatMap(({ inputs }) => Object.entries(inputs))
        .filter(([path, { bytesInOutput }]) => path.includes("node_modules/") && bytesInOutput > 0)
        .map(([path]) => path.replace(/^.*node_modules\//, "").split("/")[0]),
    );
    const locked = readLockfile().packages;
    const expected = [...names].sort().map((name = "") => {
      const [, , , integrity] = locked[name] ?? [];
      return {
        purl: `pkg:npm/${String(locked[name]?.[0])}`,
        sha512: Buffer.from(String(integrity).replace("sha512-", ""), "base64").toString("hex"),
      };
    });
    expect(expected.length).toBeGreaterThan(0);
    expect(npmPackages(document())).toEqual(expected);
  });

  test("leaves out what is only for development or has been shaken off", () => {
    const listed = document().packages.map(({ name }) => name);
    for (const name of Object.keys(packageJson.devDependencies)) {
      expect(listed.filter((one) => one === name && one !== "typescript")).toEqual([]);
    }
    const shaken = { outputs: { a: { inputs: { "node_modules/x/y.js": { bytesInOutput: 0 } } } } };
    expect(packageFolders(shaken as unknown as Metafile)).toEqual([]);
  });

  test("has the licence of each package that declares one", () => {
    const declared = document().packages.filter(({ externalRefs }) =>
      externalRefs?.[0]?.referenceLocator.startsWith("pkg:npm/"),
    );
    for (const { name, licenseDeclared } of declared) {
      const manifest = readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8");
      expect(licenseDeclared).toBe((JSON.parse(manifest) as { license: string }).license);
    }
  });

  test("is the same bytes each time", () => {
    expect(spdxText(document())).toBe(spdxText(document()));
  });

  test("is dated by what it describes and has what SPDX 2.3 asks for", () =>
    expectValid(document()));

  test("is refused when a bundled package is not the one in bun.lock", () => {
    using directory = tempDir();
    const folder = "node_modules/citty";
    Bun.spawnSync(["mkdir", "-p", directory.file(folder)]);
    const path = directory.file(folder, "package.json");
    Bun.spawnSync(["sh", "-c", `echo '{"name":"citty","version":"9.9.9"}' > "$1"`, "sh", path]);
    const other = { outputs: { a: { inputs: { [`${folder}/x.js`]: { bytesInOutput: 1 } } } } };
    expect(() => bundledPackages(other as unknown as Metafile, directory.path)).toThrow(
      "citty 9.9.9 is in the bundle, but not in bun.lock",
    );
  });
});

describe("the list of an image", () => {
  const image = (platform: string) => ({
    platform,
    digest: `sha256:${"cd".repeat(32)}`,
    binary: { target: hostTarget(), sha256: SHA256, metafile },
    packages: alpinePackages(APK, "3.23.5\n"),
  });

  test("names every package of apk's database, with version, licence and checksum", () => {
    expect(alpinePackages(APK, "3.23.5\n")).toEqual([
      {
        name: "alpine-baselayout",
        version: "3.7.0-r0",
        purl: "pkg:apk/alpine/alpine-baselayout@3.7.0-r0?arch=x86_64&distro=alpine-3.23.5",
        purpose: "LIBRARY",
        checksum: { algorithm: "SHA1", value: "a8a719fa3db7c6cb005e681086438ef1d1e76d6c" },
        license: "GPL-2.0-only",
      },
      {
        name: "crane",
        version: "0.20.6-r4",
        purl: "pkg:apk/alpine/crane@0.20.6-r4?arch=x86_64&distro=alpine-3.23.5",
        purpose: "LIBRARY",
      },
      expect.objectContaining({
        purl: "pkg:apk/alpine/libstdc%2B%2B@15.2.0-r2?arch=x86_64&distro=alpine-3.23.5",
        license: "GPL-2.0-or-later AND LGPL-2.1-or-later",
      }),
    ]);
  });

  test("is refused when a package has no version", () => {
    expect(() => alpinePackages("P:crane\nA:x86_64\n", "3")).toThrow("without name, version");
  });

  test("has both platforms, each with its packages, its runner and its Bun", () => {
    const images = [image("linux/amd64"), image("linux/arm64")];
    const document = spdxDocument(imageInventory(images, CREATED_AT));
    expectValid(document);
    const described = document.relationships.filter((one) => one.relationshipType === "DESCRIBES");
    expect(described).toHaveLength(2);
    for (const name of ["crane", "bun", "citty"]) {
      expect(document.packages.filter((one) => one.name === name)).toHaveLength(2);
    }
  });
});

function npmPackages(document: SpdxDocument): { purl: string; sha512: string }[] {
  return document.packages
    .map(({ externalRefs, checksums }) => ({
      purl: externalRefs?.[0]?.referenceLocator ?? "",
      sha512: checksums?.[0]?.checksumValue ?? "",
    }))
    .filter(({ purl }) => purl.startsWith("pkg:npm/"));
}

function expectValid(document: SpdxDocument): void {
  const ids = document.packages.map(({ SPDXID }) => SPDXID);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
  const related = document.relationships.map(({ relatedSpdxElement }) => relatedSpdxElement);
  expect(related).toEqual(ids);
  for (const { spdxElementId } of document.relationships) {
    expect(["SPDXRef-DOCUMENT", ...ids]).toContain(spdxElementId);
  }
  expect(document.creationInfo.created).toBe("2023-11-14T22:13:20Z");
  expect(document.documentNamespace).toMatch(/^https:\/\/[^#]+\/[0-9a-f]{64}$/);
}
