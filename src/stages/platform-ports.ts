// Ports that a platform's network lets nobody reach, told before they show as silence: one that is blocked answers
// nothing at all, and a registry that says nothing is waited for several times.

import { zoneOf } from "../registry/host.ts";
import { proxyFor } from "../registry/proxy.ts";
import type { HostEnvironment } from "../read-settings.ts";

// https://github.com/huggingface/hub-docs/blob/242f4a1e/docs/hub/spaces-overview.md#networking
const SPACE_PORTS = ["80", "443", "8080"];
const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

/**
 * Why an address cannot be reached from here, as a sentence, where that is known of the platform; the proxy that
 * reaches it may. Throws INPUT_INVALID for a proxy that is no use.
 */
export function blockedPort(endpoint: URL, host: HostEnvironment): string | undefined {
  if (host["SPACE_ID"] === undefined || zoneOf(endpoint) === "loopback") return undefined;
  const reached = proxyFor(endpoint, host) ?? endpoint;
  const port = reached.port || DEFAULT_PORTS[reached.protocol];
  if (port === undefined || SPACE_PORTS.includes(port)) return undefined;
  return `${reached.hostname}:${port} is out of reach: this is a Hugging Face Space, from which only ports ${SPACE_PORTS.slice(0, -1).join(", ")} and ${SPACE_PORTS.at(-1)} can be reached`;
}
