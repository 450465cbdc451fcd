import { describe, expect, test } from "bun:test";
import { formatImageName, parseImageName } from "../../src/oci/image-name.ts";

describe("parseImageName", () => {
  test.each([
    ["oci:/images/server", { kind: "oci", path: "/images/server" }],
    ["oci:server", { kind: "oci", path: "server" }],
    ["oci:../server:1.2", { kind: "oci", path: "../server", tag: "1.2" }],
    ["oci:/with space/ü:1.2", { kind: "oci", path: "/with space/ü", tag: "1.2" }],
    ["oci-archive:/a.tar", { kind: "oci-archive", path: "/a.tar" }],
    [
      "oci-archive:a.tar:ghcr.io/org/server:1.2",
      { kind: "oci-archive", path: "a.tar", tag: "ghcr.io/org/server:1.2" },
    ],
    [
      "docker-archive:/a.tar.gz:server:1.2",
      { kind: "docker-archive", path: "/a.tar.gz", tag: "server:1.2" },
    ],
  ])("%s is an image on disk", (text, expected) => {
    const name = parseImageName(text);
    expect(name).toEqual(expected as never);
    expect(formatImageName(name)).toBe(text);
  });

  test.each([
    ["mcp/fetch", "docker.io/mcp/fetch:latest"],
    ["docker.io/library/oci:1", "docker.io/library/oci:1"],
    ["oci/server", "docker.io/oci/server:latest"],
    ["ocix:1", "docker.io/library/ocix:1"],
    ["localhost:5000/oci:x", "localhost:5000/oci:x"],
  ])("%s is an image in a registry", (text, expected) => {
    const name = parseImageName(text);
    expect(name.kind).toBe("registry");
    expect(formatImageName(name)).toBe(expected);
  });

  test.each([
    ["", "the image reference is empty"],
    ["oci:", 'the image name "oci:" has no path after "oci:"'],
    ["oci-archive::1.2", 'has no path after "oci-archive:"'],
    ["docker-archive:/a.tar:", 'has a ":" without a name after it'],
    ["oci:/a\0b", "contains a control character"],
    ["oci:/a:\u001b[2J", '"oci:/a:\\x1b[2J" contains a control character'],
    ["OCI:/a", "the image reference"],
    ["docker://ghcr.io/org/server:1", "which only other programs want: write ghcr.io/org/server:1"],
    ["docker-daemon:server:1", "after `docker save -o image.tar server:1`"],
    [
      "containers-storage:server:1",
      "after `podman save --format oci-archive -o image.tar server:1`",
    ],
    ["dir:/images/server", "after `skopeo copy dir:/images/server oci:layout`"],
  ])("%j is refused", (text, message) => {
    expect(() => parseImageName(text)).toThrow(
      expect.objectContaining({
        code: "REFERENCE_INVALID",
        message: expect.stringContaining(message),
      }) as never,
    );
  });
});
