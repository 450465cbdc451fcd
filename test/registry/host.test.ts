import { describe, expect, test } from "bun:test";
import { craneMayDowngrade, endpointOf, zoneOf } from "../../src/registry/host.ts";

describe("endpointOf", () => {
  test.each([
    ["docker.io", "https://registry-1.docker.io/"],
    ["ghcr.io", "https://ghcr.io/"],
    ["example.com:5000", "https://example.com:5000/"],
    ["localhost:5000", "http://localhost:5000/"],
    ["localhost:443", "http://localhost:443/"],
    ["registry.localhost", "http://registry.localhost/"],
    ["127.0.0.1:5000", "http://127.0.0.1:5000/"],
    ["127.9.9.9:5000", "http://127.9.9.9:5000/"],
    ["[::1]:5000", "http://[::1]:5000/"],
    ["10.0.0.1:5000", "https://10.0.0.1:5000/"],
    ["192.168.1.1", "https://192.168.1.1/"],
    ["127.0.0.1.evil.com", "https://127.0.0.1.evil.com/"],
    ["localhost.evil.com", "https://localhost.evil.com/"],
    ["notlocalhost", "https://notlocalhost/"],
  ])("%s is at %s", (registry, expected) => {
    expect(endpointOf(registry).href).toBe(expected);
  });
});

test("plain http is spoken to a registry that is named with its port, and to no other", () => {
  const plainHttp = new Set(["registry.lan:5000", "10.0.0.1"]);
  const protocolOf = (registry: string) => endpointOf(registry, { plainHttp }).protocol;
  expect(["registry.lan:5000", "10.0.0.1"].map(protocolOf)).toEqual(["http:", "http:"]);
  for (const other of ["registry.lan", "registry.lan:5001", "a.registry.lan:5000", "10.0.0.1:80"]) {
    expect(protocolOf(other)).toBe("https:");
  }
});

test("a registry on this machine is encrypted where there are certificates for it", () => {
  expect(endpointOf("localhost:5000", { hasCertificates: true }).protocol).toBe("https:");
  const plainHttp = new Set(["localhost:5000"]);
  expect(endpointOf("localhost:5000", { plainHttp, hasCertificates: true }).protocol).toBe("http:");
});

describe("zoneOf", () => {
  test.each([
    ["https://ghcr.io", "public"],
    ["https://8.8.8.8", "public"],
    ["https://[2001:db8::1]", "public"],
    ["https://10.1.2.3", "private"],
    ["https://172.31.0.1", "private"],
    ["https://172.32.0.1", "public"],
    ["https://192.168.0.1", "private"],
    ["https://100.64.0.1", "private"],
    ["https://[fd00::1]", "private"],
    ["https://169.254.169.254", "link-local"],
    ["https://[fe80::1]", "link-local"],
    ["https://127.0.0.1", "loopback"],
    ["https://[::1]", "loopback"],
    ["https://0.0.0.0", "loopback"],
    ["https://[::]", "loopback"],
    ["https://localhost.", "loopback"],
    ["https://2130706433", "loopback"],
    ["https://0x7f.1", "loopback"],
    ["https://[::ffff:127.0.0.1]", "loopback"],
    ["https://[::ffff:a9fe:a9fe]", "link-local"],
    // By translation: NAT64, 6to4, and the form that came before both.
    ["https://[64:ff9b::169.254.169.254]", "link-local"],
    ["https://[64:ff9b::10.1.2.3]", "private"],
    ["https://[64:ff9b::8.8.8.8]", "public"],
    ["https://[64:ff9b:1::8.8.8.8]", "private"],
    ["https://[2002:7f00:1::]", "loopback"],
    ["https://[2002:a9fe:a9fe::1]", "link-local"],
    ["https://[2002:808:808::1]", "public"],
    ["https://[::10.0.0.1]", "private"],
    ["https://[::ffff:0:127.0.0.1]", "loopback"],
    // What clouds tell their machines in confidence.
    ["https://[fd00:ec2::254]", "link-local"],
    ["https://100.100.100.200", "link-local"],
    ["https://192.0.0.192", "link-local"],
    // To many hosts at once, or to none that is public.
    ["https://224.0.0.1", "private"],
    ["https://255.255.255.255", "private"],
    ["https://198.18.0.1", "private"],
    ["https://[ff02::1]", "private"],
    ["https://[fec0::1]", "private"],
  ])("%s is %s", (url, zone) => {
    expect(zoneOf(new URL(url))).toBe(zone as never);
  });
});

test("crane may speak plain http where the operator wants it", () => {
  expect(craneMayDowngrade("10.0.0.1:5000", new URL("http://10.0.0.1:5000/"))).toBe(false);
});

test.each([
  ["ghcr.io", false],
  ["docker.io", false],
  ["127.0.0.1:5000", false],
  ["10.0.0.1:5000", true],
  ["192.168.0.1", true],
  ["registry.local:5000", true],
  ["127.0.0.1.example.org", true],
  ["[2001:db8::1]:5000", true],
  ["[::1]:5000", false],
])("crane may speak plain http to %s: %p", (registry, expected) => {
  expect(craneMayDowngrade(registry)).toBe(expected);
});
