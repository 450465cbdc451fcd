import { describe, expect, test } from "bun:test";
import { type BakedImage, formatBakedImage, parseBakedImage } from "../../src/oci/baked-image.ts";
import { digestOf } from "../../src/oci/digest.ts";

const image: BakedImage = {
  image: "ghcr.io/org/server:1.2",
  digest: digestOf(Buffer.from("a manifest")),
  platform: { os: "linux", architecture: "arm64", variant: "v8" },
  config: {
    entrypoint: ["/entrypoint.sh"],
    cmd: ["", "--quote=\"'\u{1f642}\n"],
    env: [
      ["PATH", "/app/bin:/usr/bin"],
      ["EMPTY", ""],
      ["WITH_EQUALS", "a=b=c"],
    ],
    workingDir: "/app",
    user: "node:users",
    exposedPorts: ["8080/tcp"],
    stopSignal: "SIGINT",
    labels: { "org.opencontainers.image.title": "Server" },
  },
};
const text = formatBakedImage(image);

describe("a baked image's description", () => {
  test("is read as it was written", () => {
    expect(parseBakedImage(Buffer.from(text))).toEqual(image);
  });

  test("of the least that an image may say is read as well", () => {
    const { stopSignal: _, ...config } = image.config;
    const least = { ...image, config, platform: { os: "linux", architecture: "amd64" } };
    expect(parseBakedImage(Buffer.from(formatBakedImage(least)))).toEqual(least);
  });

  test("holds nothing of a config but what a start needs", () => {
    const config = { ...image.config, volumes: ["/data"], diffIds: [image.digest] };
    expect(formatBakedImage({ ...image, config })).toBe(text);
  });
});

const damaged: Readonly<Record<string, readonly [from: string, to: string, message: string]>> = {
  "is cut off": ["}\n}", "", "is not JSON"],
  "is another version's": [
    '"schemaVersion": 1',
    '"schemaVersion": 2',
    "is not of version 1, the only one that this runner knows",
  ],
  "has no version": ['"schemaVersion": 1,', "", "is not of version 1"],
  "has a digest that is none": ["sha256:", "sha255:", "digest: is not a sha256 or sha512 digest"],
  "has an image's name that would repaint a terminal": [
    "ghcr.io/",
    "\\u001b[2J/",
    "image: contains a control character",
  ],
  "lacks a member": ['"cmd"', '"command"', "config.cmd"],
  "has a relative working directory": ['"/app"', '"app"', "config.workingDir: is not an absolute"],
  "has a NUL in an argument": ["entrypoint.sh", "entry\\u0000", "contains a NUL character"],
  "has a variable without a name": ['"EMPTY"', '""', "config.env.1.0: is not a variable's name"],
};

test.each(Object.entries(damaged))("one that %s is refused", (_, [from, to, message]) => {
  expect(text).toContain(from);
  const changed = Buffer.from(text.replace(from, to));
  expect(() => parseBakedImage(changed)).toThrow(message);
  expect(() => parseBakedImage(changed)).toThrow(
    expect.objectContaining({ code: "IMAGE_INVALID" }) as never,
  );
});
