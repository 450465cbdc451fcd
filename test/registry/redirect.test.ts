import { describe, expect, test } from "bun:test";
import { belongsTo, nextAddress, parseRealm } from "../../src/registry/redirect.ts";

describe("nextAddress", () => {
  test.each([
    ["https://ghcr.io/v2/x", "https://cdn.example/blob?sig=1", "https://cdn.example/blob?sig=1"],
    ["https://ghcr.io/v2/x", "/v2/y", "https://ghcr.io/v2/y"],
    ["https://ghcr.io/v2/x", "//cdn.example/y", "https://cdn.example/y"],
    ["http://127.0.0.1:1/x", "http://127.0.0.1:2/y", "http://127.0.0.1:2/y"],
    ["http://127.0.0.1:1/x", "http://10.0.0.1/y", "http://10.0.0.1/y"],
    ["http://127.0.0.1:1/x", "https://cdn.example/y", "https://cdn.example/y"],
    ["https://10.0.0.1/x", "https://10.0.0.2/y", "https://10.0.0.2/y"],
  ])("from %s to %s is followed", (from, location, expected) => {
    expect(nextAddress(new URL(from), location).href).toBe(expected);
  });

  test.each([
    ["https to http", "https://ghcr.io/x", "http://cdn.example/y", "not encrypted"],
    ["another scheme", "https://ghcr.io/x", "file:///etc/passwd", "not http"],
    ["a cloud's metadata", "https://ghcr.io/x", "https://169.254.169.254/latest", "not a public"],
    ["the same from loopback", "http://127.0.0.1:1/x", "http://169.254.169.254/", "not a public"],
    [
      "the same in IPv6 clothes",
      "http://127.0.0.1:1/",
      "http://[::ffff:a9fe:a9fe]/",
      "not a public",
    ],
    ["loopback", "https://ghcr.io/x", "https://127.0.0.1/y", "not a public"],
    ["loopback by number", "https://ghcr.io/x", "https://2130706433/y", "not a public"],
    ["loopback by name", "https://ghcr.io/x", "https://localhost/y", "not a public"],
    ["a private address", "https://ghcr.io/x", "https://192.168.0.1/y", "not a public"],
    ["private to loopback", "https://10.0.0.1/x", "https://127.0.0.1/y", "not a public"],
    ["a user name", "https://ghcr.io/x", "https://u:p@cdn.example/y", "with a username"],
  ])("%s is refused", (_, from, location, message) => {
    expect(() => nextAddress(new URL(from), location)).toThrow(
      expect.objectContaining({
        code: "REGISTRY_REDIRECT_REFUSED",
        message: expect.stringContaining(message),
      }),
    );
  });

  test("the message holds neither path nor query, where a signature may be", () => {
    const signed = "http://cdn.example/secret-path?sig=secret";
    expect(() => nextAddress(new URL("https://ghcr.io/x"), signed)).toThrow(
      /^[^]*cdn\.example, [^]*$/,
    );
    expect(() => nextAddress(new URL("https://ghcr.io/x"), signed)).not.toThrow("secret");
  });

  test.each([
    ["nothing", null],
    ["an address without a host", "http://"],
    ["an open bracket", "https://[:"],
    ["16 KiB", `/${"x".repeat(16_384)}`],
  ])("%s is no place to go", (_, location) => {
    expect(() => nextAddress(new URL("https://ghcr.io/x"), location)).toThrow(
      expect.objectContaining({ code: "REGISTRY_RESPONSE_INVALID" }),
    );
  });
});

describe("parseRealm", () => {
  test.each([
    ["https://auth.docker.io/token", "docker.io"],
    ["https://ghcr.io/token?x=y", "ghcr.io"],
    ["https://10.0.0.1/token", "10.0.0.1:5000"],
    ["http://127.0.0.1:9/token", "127.0.0.1:5000"],
    ["http://localhost:9/token", "127.0.0.1:5000"],
    ["https://auth.example/token", "127.0.0.1:5000"],
  ])("%s may sign in for %s", (realm, registry) => {
    expect(parseRealm(realm, registry).href).toBe(realm);
  });

  test.each([
    ["http://ghcr.io/token", "ghcr.io", "not encrypted"],
    ["https://127.0.0.1/token", "ghcr.io", "not a public"],
    ["https://10.0.0.2/token", "10.0.0.1", "not a public"],
    ["http://169.254.169.254/token", "127.0.0.1:5000", "not a public"],
    ["https://u@ghcr.io/token", "ghcr.io", "with a username"],
    ["file:///token", "ghcr.io", "not http"],
  ])("%s may not sign in for %s", (realm, registry, message) => {
    expect(() => parseRealm(realm, registry)).toThrow(
      expect.objectContaining({
        code: "REGISTRY_REDIRECT_REFUSED",
        message: expect.stringContaining(message),
      }),
    );
  });

  test("text that is no address is an invalid response", () => {
    expect(() => parseRealm("token\u001b[2J", "ghcr.io")).toThrow(
      expect.objectContaining({
        code: "REGISTRY_RESPONSE_INVALID",
        message: expect.stringContaining("token\\x1b[2J"),
      }),
    );
  });
});

describe("belongsTo", () => {
  test.each([
    ["https://auth.docker.io/token", "docker.io", true],
    ["https://evil.docker.io/token", "docker.io", false],
    ["https://auth.docker.io/token", "ghcr.io", false],
    ["https://ghcr.io/token", "ghcr.io", true],
    ["https://gitlab.com/jwt/auth", "registry.gitlab.com", true],
    ["https://auth.example.com/token", "registry.example.com", true],
    ["https://auth.registry.example.com/token", "registry.example.com:5000", true],
    ["https://evilgitlab.com/jwt", "registry.gitlab.com", false],
    ["https://evil.io/token", "ghcr.io", false],
    ["https://evil.co.uk/token", "example.co.uk", false],
    ["https://10.0.0.2/token", "10.0.0.1", false],
    ["https://0.0.1/token", "10.0.0.1", false],
    ["http://127.0.0.1:9/token", "127.0.0.1:5000", true],
    ["http://127.0.0.2:9/token", "127.0.0.1:5000", false],
  ])("%s is shown the password for %s: %p", (realm, registry, expected) => {
    expect(belongsTo(new URL(realm), registry)).toBe(expected);
  });
});
