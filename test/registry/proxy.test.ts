import { describe, expect, test } from "bun:test";
import { proxyFor, proxyPasswords, proxyVariables } from "../../src/registry/proxy.ts";

const PROXY = "http://proxy:3128/";

describe("the proxy for a URL", () => {
  test.each<[string, Record<string, string>, string | undefined]>([
    ["https://ghcr.io", {}, undefined],
    ["https://ghcr.io", { HTTPS_PROXY: PROXY }, PROXY],
    ["https://ghcr.io", { https_proxy: PROXY }, PROXY],
    ["https://ghcr.io", { HTTPS_PROXY: PROXY, https_proxy: "http://other" }, PROXY],
    ["https://ghcr.io", { HTTPS_PROXY: "", https_proxy: PROXY }, PROXY],
    ["https://ghcr.io", { HTTP_PROXY: PROXY }, undefined],
    ["http://ghcr.io", { HTTPS_PROXY: PROXY }, undefined],
    ["http://ghcr.io", { HTTP_PROXY: PROXY }, PROXY],
    ["http://ghcr.io", { http_proxy: PROXY }, PROXY],
    ["https://ghcr.io", { ALL_PROXY: PROXY }, PROXY],
    ["http://ghcr.io", { all_proxy: PROXY }, PROXY],
    ["https://ghcr.io", { ALL_PROXY: "http://other", https_proxy: PROXY }, PROXY],
    ["https://ghcr.io", { HTTPS_PROXY: "proxy:3128" }, PROXY],
    ["https://ghcr.io", { HTTPS_PROXY: "10.0.0.1:3128" }, "http://10.0.0.1:3128/"],
    ["https://ghcr.io", { HTTPS_PROXY: "[::1]:3128" }, "http://[::1]:3128/"],
    ["https://ghcr.io", { HTTPS_PROXY: "https://proxy:3128" }, "https://proxy:3128/"],
    ["https://ghcr.io", { HTTPS_PROXY: " http://u:p%40@proxy:3128 " }, "http://u:p%40@proxy:3128/"],
    ["http://127.0.0.1:5000", { HTTP_PROXY: PROXY }, undefined],
    ["http://127.9.9.9:5000", { HTTP_PROXY: PROXY }, undefined],
    ["http://[::1]:5000", { HTTP_PROXY: PROXY }, undefined],
    ["http://localhost:5000", { HTTP_PROXY: PROXY }, undefined],
    ["http://registry.localhost", { HTTP_PROXY: PROXY }, undefined],
    ["https://localhost.example.com", { HTTPS_PROXY: PROXY }, PROXY],
    ["https://127.0.0.1.example.com", { HTTPS_PROXY: PROXY }, PROXY],
    ["https://127.0.0.1", { HTTPS_PROXY: "no proxy at all" }, undefined],
  ])("%s with %j is %s", (url, env, expected) => {
    expect(proxyFor(new URL(url), env)?.href).toBe(expected);
  });

  test.each([
    ["ftp://proxy", "HTTPS_PROXY names a ftp proxy, which is not supported"],
    ["socks5://u:canary@proxy", "HTTPS_PROXY names a socks5 proxy, which is not supported"],
    ["http://", "HTTPS_PROXY is not the address of a proxy"],
    ["http://u:canary@pro xy", "HTTPS_PROXY is not the address of a proxy"],
  ])("is refused as %s without showing it", (value, message) => {
    expect(() => proxyFor(new URL("https://ghcr.io"), { HTTPS_PROXY: value })).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID", message }) as never,
    );
  });
});

// The rows of Go's own table, and what a person would expect besides.
// https://github.com/golang/net/blob/v0.30.0/http/httpproxy/proxy_test.go#L228
describe("NO_PROXY", () => {
  const goes = (host: string, exceptions: string): boolean =>
    proxyFor(new URL(`https://${host}`), { HTTPS_PROXY: PROXY, NO_PROXY: exceptions }) !==
    undefined;
  const GO =
    "foobar.com, .barbaz.net, *.wildcard.io, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30, 2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64";

  test.each<[string, string, boolean]>([
    ["192.168.1.1", GO, false],
    ["192.168.1.2", GO, true],
    ["192.168.1.2:81", GO, false],
    ["192.168.1.3", GO, true],
    ["192.168.1.3:80", GO, false],
    ["192.168.1.4", GO, true],
    ["10.0.0.2", GO, false],
    ["10.0.0.4", GO, true],
    ["[2001:db8::52:0:1]", GO, false],
    ["[2001:db8::52:0:2]", GO, false],
    ["[2001:db8::52:0:2]:8443", GO, true],
    ["[2001:db8::52:0:3]", GO, true],
    ["[2002:db8:a::123]", GO, false],
    ["[fe80::424b:c8be:1643:a1b6]", GO, true],
    ["barbaz.net", GO, true],
    ["www.barbaz.net", GO, false],
    ["foobar.com", GO, false],
    ["www.foobar.com", GO, false],
    ["foofoobar.com", GO, true],
    ["baz.com", GO, true],
    ["localhost.net", GO, true],
    ["local.localhost.example", GO, true],
    ["wildcard.io", GO, true],
    ["nested.wildcard.io", GO, false],
    ["awildcard.io", GO, true],
    ["example.com", "*", false],
    ["192.168.1.1", "*", false],
    ["example.com", "other.com, *", false],
    ["example.com", "", true],
    ["example.com", ", ,", true],
    ["example.com", "EXAMPLE.com", false],
    ["EXAMPLE.com", "example.com", false],
    ["example.com.", "example.com", false],
    ["example.com", "other.com example.com", false],
    ["example.com", "example.com:443", false],
    ["example.com:443", "example.com:443", false],
    ["example.com:8443", "example.com:443", true],
    ["a.example.com:8443", ".example.com:8443", false],
    ["example.com", ":443", true],
    ["example.com", "com", false],
    ["example.com", "*example.com", true],
    ["10.1.2.3", "10.0.0.0/8", false],
    ["10.1.2.3", "10.0.0.0/33", true],
    ["10.example.com", "10.0.0.0/8", true],
    ["[2001:db8::1]", "[2001:db8::1]", false],
    ["[2001:db8::1]", "2001:db8:0:0:0:0:0:1", false],
    ["[2001:db8::1]", "2001:db8::/32", false],
    ["[::ffff:10.0.0.1]", "10.0.0.0/8", false],
  ])("%s with %p goes through the proxy: %p", (host, exceptions, expected) => {
    expect(goes(host, exceptions)).toBe(expected);
  });

  test("counts in lower case", () => {
    const env = { HTTPS_PROXY: PROXY, no_proxy: "ghcr.io" };
    expect(proxyFor(new URL("https://ghcr.io"), env)).toBeUndefined();
  });
});

test("the passwords of proxies are known as they are written and as they are meant", () => {
  const env = { HTTPS_PROXY: "http://u:can%40ry@proxy", all_proxy: "u:x@y:1", HTTP_PROXY: "y:1" };
  expect(proxyPasswords(env)).toEqual(["x", "can%40ry", "can@ry"]);
});

test("a Go program gets the same proxies, under the names that it knows", () => {
  const env = { all_proxy: "http://all", https_proxy: "http://secure", no_proxy: "x", OTHER: "y" };
  expect(proxyVariables(env)).toEqual({
    HTTP_PROXY: "http://all",
    HTTPS_PROXY: "http://secure",
    NO_PROXY: "x",
  });
});
