import { describe, expect, test } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { parseManifest, type Descriptor } from "../../src/oci/manifest.ts";
import {
  choosePlatform,
  formatPlatform,
  hostPlatform,
  parsePlatform,
  runsOn,
} from "../../src/oci/platform.ts";
import { buildImage, buildIndex } from "../support/image-builder.ts";

describe("parsePlatform", () => {
  test.each([
    ["linux/amd64", "linux/amd64"],
    ["Linux/X86_64", "linux/amd64"],
    ["linux/aarch64", "linux/arm64"],
    ["linux/arm64/v8", "linux/arm64/v8"],
    ["linux/arm/v7", "linux/arm/v7"],
  ])("%s is %s", (text, expected) => {
    expect(formatPlatform(parsePlatform(text))).toBe(expected);
  });

  test.each([
    "",
    "amd64",
    "linux/",
    "/amd64",
    "linux/arm64/",
    "linux/arm64/v8/x",
    "linux amd64",
    "linux/../x",
  ])("%p is refused", (text) => {
    expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  });
});

test("I4: the host's platform is linux on this machine's architecture", () => {
  expect(formatPlatform(hostPlatform())).toBe(
    process.arch === "arm64" ? "linux/arm64" : "linux/amd64",
  );
});

describe("choosePlatform", () => {
  const rows: [string, string, string[], number][] = [
    ["I5: the first of equals", "linux/amd64", ["linux/arm64", "linux/amd64", "linux/amd64"], 1],
    ["I6: arm64 v8 is arm64", "linux/arm64", ["linux/amd64", "linux/arm64/v8"], 1],
    ["I6: arm64 is arm64 v8", "linux/arm64/v8", ["linux/amd64", "linux/arm64"], 1],
    ["I6: arm v7 before v6", "linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"], 2],
    ["I6: arm v7 runs v6", "linux/arm/v7", ["linux/arm/v5", "linux/arm/v6"], 1],
    ["I6: arm is arm v7", "linux/arm", ["linux/arm/v6", "linux/arm/v7", "linux/arm/v8"], 1],
    ["I6: amd64 v1 is amd64", "linux/amd64", ["linux/amd64/v3", "linux/amd64/v1"], 1],
    [
      "I6: the highest that it runs",
      "linux/amd64/v3",
      ["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"],
      1,
    ],
    ["I6: any variant where none was asked for", "linux/amd64", ["linux/amd64/v3"], 0],
    ["I7: never an attestation", "linux/amd64", ["unknown/unknown", "linux/amd64"], 1],
    ["I8: an entry without platform at last", "linux/amd64", ["linux/arm64", "", "linux/amd64"], 2],
    ["I8: an entry without platform when nothing fits", "linux/amd64", ["linux/arm64", ""], 1],
    ["I12: never Windows", "linux/amd64", ["windows/amd64", "linux/amd64"], 1],
    ["names of the kernel", "linux/amd64", ["linux/aarch64", "linux/x86_64"], 1],
  ];
  test.each(rows)("%s", (_, wanted, offered, expected) => {
    const manifests = offered.map(descriptor);
    expect(choosePlatform(manifests, parsePlatform(wanted))).toBe(manifests[expected] as never);
  });

  const refused: [string, string, string[], string][] = [
    [
      "I11: another architecture",
      "linux/amd64",
      ["linux/arm64", "linux/arm64", "linux/s390x"],
      "offers linux/arm64, linux/s390x",
    ],
    [
      "I6: a newer variant than asked for",
      "linux/arm/v6",
      ["linux/arm/v7"],
      "nothing for linux/arm/v6; it offers linux/arm/v7",
    ],
    [
      "I6: a newer arm64 than asked for",
      "linux/arm64/v8",
      ["linux/arm64/v9"],
      "offers linux/arm64/v9",
    ],
    ["I7: an attestation alone", "linux/amd64", ["unknown/unknown"], "offers no platform at all"],
    ["I12: only Windows", "linux/amd64", ["windows/amd64"], "offers windows/amd64"],
    ["an empty index", "linux/amd64", [], "offers no platform at all"],
  ];
  test.each(refused)("%s is no match", (_, wanted, offered, message) => {
    expect(() => choosePlatform(offered.map(descriptor), parsePlatform(wanted))).toThrow(
      expect.objectContaining({
        code: "PLATFORM_MISSING",
        message: expect.stringContaining(message),
      }),
    );
  });

  test("I7: what BuildKit puts beside an image is skipped, by annotation too", () => {
    const image = buildImage({ layers: [], platform: "linux/amd64" });
    const index = parseManifest(buildIndex([image]).root.bytes);
    if (index.kind !== "index") throw new Error("not an index");
    const attestation = {
      ...index.manifests[1],
      platform: parsePlatform("linux/amd64"),
    } as Descriptor;
    const chosen = choosePlatform([attestation, ...index.manifests], parsePlatform("linux/amd64"));
    expect(chosen.digest).toBe(image.root.digest);
  });

  test("signatures, which name no platform, are no candidates", () => {
    const signature = { ...descriptor(""), artifactType: "application/vnd.dev.cosign" };
    expect(() => choosePlatform([signature], parsePlatform("linux/amd64"))).toThrow(
      expect.objectContaining({ code: "PLATFORM_MISSING" }),
    );
  });
});

test("I8: a config that names another platform is told from one that runs here", () => {
  const wanted = parsePlatform("linux/arm64");
  expect(runsOn({ os: "linux", architecture: "arm64", variant: "v8" }, wanted)).toBe(true);
  expect(runsOn({ os: "linux", architecture: "amd64" }, wanted)).toBe(false);
});

function descriptor(text: string): Descriptor {
  const base = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: digestOf(Buffer.from(text)),
    size: 1,
  };
  const [os = "", architecture = "", variant] = text.split("/");
  if (text === "") return base;
  return { ...base, platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } };
}
