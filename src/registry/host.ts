// Hosts: where a registry's API is, and which addresses are nobody's business but this machine's or this network's.

import { BlockList, isIP } from "node:net";
import { DOCKER_HUB } from "../oci/reference.ts";

/** How far an address reaches. A name counts as public unless it always means this machine. */
export type Zone = "public" | "private" | "link-local" | "loopback";

/** Registries, as references name them, that are asked without encryption: REGISTRY_PLAIN_HTTP. */
export type PlainHttp = ReadonlySet<string>;

/** What the operator has said of a registry. */
export interface EndpointKnowledge {
  readonly plainHttp?: PlainHttp | undefined;
  /** There is a certs.d directory for it, with something in it. */
  readonly hasCertificates?: boolean;
}

const NOWHERE: PlainHttp = new Set();

// Where clouds tell a machine its secrets: Alibaba's, Oracle's and Amazon's, beside 169.254.169.254.
const METADATA = ["100.100.100.200/32", "192.0.0.192/32"];
const METADATA_IPV6 = ["fd00:ec2::254/128"];

const NOT_GLOBAL = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"].concat(
  // For protocols, for benchmarks, to many, and kept for a future that will not come.
  ["192.0.0.0/24", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"],
);

// Anything that a connection to would reach this machine by, the unspecified addresses too, is loopback. Private is also
// what no host on the Internet has: https://www.iana.org/assignments/iana-ipv4-special-registry
const LISTS: readonly (readonly [Zone, BlockList])[] = [
  ["loopback", blockList(["127.0.0.0/8", "0.0.0.0/8"], ["::1/128", "::/128"])],
  ["link-local", blockList(["169.254.0.0/16", ...METADATA], ["fe80::/10", ...METADATA_IPV6])],
  ["private", blockList(NOT_GLOBAL, ["fc00::/7", "fec0::/10", "ff00::/8", "64:ff9b:1::/48"])],
];

/**
 * The root of a registry's API. Plain http is spoken on loopback, unless there are certificates for that, and to the
 * registries that the operator has named; never because https has failed: whoever is on the way can make it fail.
 */
export function endpointOf(registry: string, knowledge: EndpointKnowledge = {}): URL {
  const { plainHttp = NOWHERE, hasCertificates = false } = knowledge;
  const host = registry === DOCKER_HUB ? "registry-1.docker.io" : registry;
  const secure = new URL(`https://${host}/`);
  const isPlain = (zoneOf(secure) === "loopback" && !hasCertificates) || plainHttp.has(registry);
  return isPlain ? new URL(`http://${host}/`) : secure;
}

/** The zone of a URL's host. URLs write an address in one way only: `http://2130706433/` is 127.0.0.1. */
export function zoneOf(url: URL): Zone {
  const host = url.hostname.replace(/^\[|\]$|\.$/g, "");
  if (host === "localhost" || host.endsWith(".localhost")) return "loopback";
  const version = isIP(host);
  if (version === 0) return "public";
  // An IPv4 address in IPv6 clothes is found among the IPv4 ones.
  return (
    LISTS.find(([, list]) => list.check(host, version === 4 ? "ipv4" : "ipv6"))?.[0] ?? "public"
  );
}

/**
 * Whether crane would speak plain http to a registry that is not on this machine, once https has failed: somebody on
 * the way who blocks port 443 would be shown the password. Not where the endpoint says that this is the operator's wish.
 * https://github.com/google/go-containerregistry/blob/v0.20.6/pkg/name/registry.go#L104
 */
export function craneMayDowngrade(registry: string, endpoint: URL = endpointOf(registry)): boolean {
  if (endpoint.protocol === "http:") return false;
  const zone = zoneOf(endpoint);
  // Before version 0.22 it takes any name for this machine's that holds its address: 127.0.0.1.example.org.
  const isTakenForLoopback = zone !== "loopback" && /127\.0\.0\.1|::1/.test(registry);
  return zone === "private" || endpoint.hostname.endsWith(".local") || isTakenForLoopback;
}

function blockList(ipv4: readonly string[], ipv6: readonly string[]): BlockList {
  const list = new BlockList();
  for (const [family, subnets] of [
    ["ipv4", ipv4],
    ["ipv6", [...ipv6, ...ipv4.flatMap(translated)]],
  ] as const) {
    for (const subnet of subnets) {
      const [address = "", prefix] = subnet.split("/");
      list.addSubnet(address, Number(prefix), family);
    }
  }
  return list;
}

// An IPv4 network as IPv6 writes it where something on the way translates: NAT64, SIIT, the old "compatible" form, and
// 6to4. https://www.rfc-editor.org/rfc/rfc6052 https://www.rfc-editor.org/rfc/rfc3056#section-2
function translated(subnet: string): readonly string[] {
  const [address = "", prefix] = subnet.split("/");
  const bits = 96 + Number(prefix);
  const hex = address.split(".").map((byte) => Number(byte).toString(16).padStart(2, "0"));
  const [a, b, c, d] = hex;
  return [
    ...["64:ff9b::", "::ffff:0:", "::"].map((before) => `${before}${address}/${bits}`),
    `2002:${a}${b}:${c}${d}::/${16 + Number(prefix)}`,
  ];
}
