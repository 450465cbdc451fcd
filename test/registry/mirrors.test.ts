import { describe, expect, test } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { formatReference, parseReference } from "../../src/oci/reference.ts";
import {
  formatMirror,
  mirrored,
  parseMirrors,
  parseRegistries,
} from "../../src/registry/mirrors.ts";

describe("REGISTRY_MIRRORS", () => {
  test.each<[string, Record<string, string[]>]>([
    ["docker.io=mirror.example.com", { "docker.io": ["mirror.example.com"] }],
    ["index.docker.io=MIRROR.example.com", { "docker.io": ["mirror.example.com"] }],
    [
      "docker.io=mirror.example.com,https://second.example/prefix;ghcr.io=host:5000/a/b/",
      {
        "docker.io": ["mirror.example.com", "second.example/prefix"],
        "ghcr.io": ["host:5000/a/b"],
      },
    ],
    [" ghcr.io = a.example , b.example ; ", { "ghcr.io": ["a.example", "b.example"] }],
    ["[::1]:5000=[2001:db8::1]/x", { "[::1]:5000": ["[2001:db8::1]/x"] }],
    ["ghcr.io=docker.io/copies", { "ghcr.io": ["docker.io/copies"] }],
    ["", {}],
  ])("%p", (text, expected) => {
    const found = [...parseMirrors(text)].map(
      ([registry, mirrors]) => [registry, mirrors.map(formatMirror)] as const,
    );
    expect(Object.fromEntries(found)).toEqual(expected);
  });

  test.each([
    ["docker.io", `"docker.io" must be written as registry=mirror`],
    ["a.example=b.example=c.example", "must be written as registry=mirror"],
    ["docker.io=", `"" must be a registry`],
    ["docker.io=mirror", `"mirror" must be a registry as it stands in an image's name`],
    ["docker=mirror.example.com", `"docker" must be a registry`],
    ["docker.io=http://mirror.example.com", "must not begin with http://"],
    ["docker.io=ftp://mirror.example.com", "must be a registry"],
    ["docker.io=user:canary@mirror.example.com", `"…@mirror.example.com" must be a registry`],
    ["docker.io=mirror.example.com/UPPER", "has a path that no repository can have"],
    ["docker.io=mirror.example.com/a:1", "has a path that no repository can have"],
    ["docker.io=mirror.example.com/../x", "has a path that no repository can have"],
    ["docker.io=mirror.example.com/a?b", "has a path that no repository can have"],
    ["ghcr.io=a.example;GHCR.io=b.example", "names mirrors of ghcr.io a second time"],
  ])("%p is refused", (text, message) => {
    expect(() => parseMirrors(text)).toThrow(message);
  });
});

describe("REGISTRY_PLAIN_HTTP", () => {
  test.each([
    ["registry.lan:5000", ["registry.lan:5000"]],
    [
      "REGISTRY.lan:5000, 10.0.0.1,[2001:db8::1]:80,",
      ["registry.lan:5000", "10.0.0.1", "[2001:db8::1]:80"],
    ],
  ])("%p", (text, expected) => {
    expect([...parseRegistries(text)]).toEqual(expected);
  });

  test.each(["http://registry.lan", "registry", "*", "10.0.0.0/8", "registry.lan/path"])(
    "%p is refused",
    (text) => {
      expect(() => parseRegistries(text)).toThrow("must be a registry as it stands in an image's");
    },
  );
});

test.each([
  ["mcp/fetch", "mirror.example.com", "mirror.example.com/mcp/fetch:latest"],
  ["busybox:1", "mirror.example.com", "mirror.example.com/library/busybox:1"],
  ["busybox:1", "mirror.example.com/hub", "mirror.example.com/hub/library/busybox:1"],
  [
    `busybox@${digestOf(Buffer.from(""))}`,
    "host:5000/a/b",
    `host:5000/a/b/library/busybox@${digestOf(Buffer.from(""))}`,
  ],
])("%s is in the mirror %s as %s", (image, mirror, expected) => {
  const [[only] = []] = [...parseMirrors(`docker.io=${mirror}`).values()];
  if (only === undefined) throw new Error("no mirror");
  expect(formatReference(mirrored(parseReference(image), only))).toBe(expected);
});
