import { describe, expect, test } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { formatReference, parseReference, pinReference } from "../../src/oci/reference.ts";

const HEX = "0123456789abcdef".repeat(4);
const SHA256 = `sha256:${HEX}`;

describe("parseReference", () => {
  test.each([
    ["ubuntu", "docker.io/library/ubuntu:latest"],
    ["ubuntu:24.04", "docker.io/library/ubuntu:24.04"],
    ["mcp/fetch", "docker.io/mcp/fetch:latest"],
    ["user/app:1", "docker.io/user/app:1"],
    ["a/b/c", "docker.io/a/b/c:latest"],
    ["docker.io/ubuntu", "docker.io/library/ubuntu:latest"],
    ["index.docker.io/ubuntu", "docker.io/library/ubuntu:latest"],
    ["registry-1.docker.io/library/ubuntu", "docker.io/library/ubuntu:latest"],
    ["Docker.IO/mcp/fetch", "docker.io/mcp/fetch:latest"],
    ["evildocker.io/ubuntu", "evildocker.io/ubuntu:latest"],
    ["localhost/a", "localhost/a:latest"],
    ["localhost:5000/a", "localhost:5000/a:latest"],
    ["host:5000/a/b:c", "host:5000/a/b:c"],
    ["[::1]:5000/a", "[::1]:5000/a:latest"],
    ["[2001:DB8::1]/a", "[2001:db8::1]/a:latest"],
    ["127.0.0.1:5000/a", "127.0.0.1:5000/a:latest"],
    ["foo.bar/baz", "foo.bar/baz:latest"],
    ["GHCR.io/org/server:1.2", "ghcr.io/org/server:1.2"],
    ["foo:5000", "docker.io/library/foo:5000"],
    ["localhost:5000", "docker.io/library/localhost:5000"],
    ["localhost", "docker.io/library/localhost:latest"],
    ["a__b/c--d.e_f", "docker.io/a__b/c--d.e_f:latest"],
    [`a/b@${SHA256}`, `docker.io/a/b@${SHA256}`],
    [`a/b:tag@${SHA256}`, `docker.io/a/b:tag@${SHA256}`],
    [`ghcr.io/a/b@sha512:${HEX}${HEX}`, `ghcr.io/a/b@sha512:${HEX}${HEX}`],
    [`a:${"t".repeat(128)}`, `docker.io/library/a:${"t".repeat(128)}`],
    ["a:_Tag.1-x", "docker.io/library/a:_Tag.1-x"],
    [`h.io/${"a".repeat(250)}`, `h.io/${"a".repeat(250)}:latest`],
    // 63 digits are a name; 64 would be an image's ID.
    [HEX.slice(1), `docker.io/library/${HEX.slice(1)}:latest`],
  ])("%s is read as %s", (text, expected) => {
    const reference = parseReference(text);
    expect(formatReference(reference)).toBe(expected);
    expect(parseReference(expected)).toEqual(reference);
  });

  test.each([
    ["nothing", "", "is empty"],
    [
      "upper case",
      "mcp/Fetch",
      'has upper-case letters in "Fetch", but repositories are lower case',
    ],
    ["an upper-case owner", "UPPER/case", 'has upper-case letters in "UPPER"'],
    ["an upper-case short name", "Ubuntu", 'has upper-case letters in "Ubuntu"'],
    ["https", "https://ghcr.io/org/server", 'leave out "https://"'],
    ["a transport", "docker://ubuntu", 'leave out "docker://"'],
    ["a space", "ghcr.io/org/my server", "contains a space"],
    ["a leading space", " ubuntu", "contains a space"],
    ["a line break", "ubuntu\n", "contains a space or a line break"],
    ["a port that is no number", "host:80a/x", 'has "80a" as its registry\'s port'],
    ["port 0", "host:0/x", 'has "0" as its registry\'s port'],
    ["port 65536", "host:65536/x", 'has "65536" as its registry\'s port'],
    ["no port after the colon", "host:/x", 'has "" as its registry\'s port'],
    ["a bad host", "-bad.example/x", "which is not a valid host"],
    ["an empty label", "a..b/x", "which is not a valid host"],
    ["a host with an underscore", "a_b.c/x", "which is not a valid host"],
    ["a bad IPv6 address", "[::g]:5000/x", "which is not a valid host"],
    ["an IPv6 zone", "[fe80::1%25eth0]/x", "which is not a valid host"],
    ["an IPv6 address without brackets", "::1/x", "which is not a valid host"],
    ["a user name", "user:secret@host/x", 'has a digest without "sha256:"'],
    ["a registry alone", "ghcr.io/", "has no repository after the registry"],
    ["two slashes", "a//b", "has an empty part"],
    ["a slash first", "/a", "has an empty part"],
    ["a slash last", "a/b/", "has an empty part"],
    ["a part that begins with a dash", "a/-b", 'has "-b" in it'],
    ["a path that climbs", "a/../b", 'has ".." in it'],
    ["three underscores", "a___b", 'has "a___b" in it'],
    ["an option", "--help", 'has "--help" in it'],
    ["a query", "ghcr.io/a?b", 'has "a?b" in it'],
    ["an escape sequence", "a\u001b[2J", "\\x1b[2J"],
    ["an empty tag", "x:", 'has a ":" without a tag'],
    ["a tag with a plus", "x:1+2", 'has the tag "1+2"'],
    ["a tag that begins with a dot", "x:.1", 'has the tag ".1"'],
    ["a long tag", `x:${"t".repeat(129)}`, "has a tag of more than 128 characters"],
    ["a digest alone", `@${SHA256}`, "has a digest but no name before it"],
    ["an empty digest", "x@", 'ends in "@" without a digest'],
    ["a digest without its kind", `x@${HEX}`, 'has a digest without "sha256:"'],
    ["a digest of another kind", `x@md5:${HEX}`, 'unknown kind, "md5"'],
    ["a short digest", "x@sha256:abc", "has a digest of 3 characters, where sha256 has 64"],
    [
      "a digest in upper case",
      `x@sha256:${HEX.toUpperCase()}`,
      "other characters than 0-9 and a-f",
    ],
    ["two digests", `x@${SHA256}@${SHA256}`, "other characters than 0-9 and a-f"],
    ["an image's ID", HEX, "is an image's ID"],
    ["a long name", `h.io/${"a".repeat(251)}`, "has a name of 256 characters, of which 255"],
  ])("%s is refused", (_, text, message) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({
        code: "REFERENCE_INVALID",
        status: 2,
        message: expect.stringContaining(message),
      }),
    );
  });

  test("a very long reference is cut in the message", () => {
    expect(() => parseReference(`a/${"B".repeat(10_000)}`)).toThrow(/^.{100,400}$/);
  });
});

test("a pinned reference keeps its tag and gains the digest", () => {
  const digest = digestOf(Buffer.from("manifest"));
  expect(formatReference(pinReference(parseReference("a/b:1"), digest))).toBe(
    `docker.io/a/b:1@${digest}`,
  );
});
