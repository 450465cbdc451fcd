// The first question to a server that the runner serves: what it is. Until it has answered, nobody is told that there
// is a server.

import { setTimeout as sleep } from "node:timers/promises";
import { reasonOf } from "../errors.ts";
import { readCatalogue } from "../gateway/catalogue.ts";
import type { Endpoint } from "../gateway/endpoint.ts";
import { log } from "../log.ts";
import { nameOf } from "../read-settings.ts";
import type { Gateway, GatewayRequest } from "./gateway.ts";

export interface Served {
  readonly endpoint: Endpoint;
  /** What can be asked, where clients of the endpoint speak otherwise; it is closed afterwards. */
  readonly asked?: Endpoint;
  /** That it answers is known by other means; it need not be a server of MCP's newer transports, or of MCP at all. */
  readonly mayBeSilent?: boolean;
}

/** Where clients reach the endpoint: by the platform's name, where there is one, or from this machine. */
export function publicUrl(
  port: number,
  {
    publicHosts: [host],
    mcpHost,
    mcpPath,
  }: Pick<GatewayRequest, "publicHosts" | "mcpHost" | "mcpPath">,
): string {
  if (host !== undefined) return `https://${host}${mcpPath}`;
  const address = EVERY_ADDRESS.has(mcpHost) ? "localhost" : mcpHost;
  return `http://${address.includes(":") ? `[${address}]` : address}:${port}${mcpPath}`;
}

const EVERY_ADDRESS: ReadonlySet<string> = new Set(["0.0.0.0", "::", "[::]"]);

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
const MAX_TRIES = 5;

/** Asks until there is an answer, or until the signal. Never rejects. */
export async function introduce(
  { endpoint, asked, mayBeSilent = false }: Served,
  { front, request }: Gateway,
  signal: AbortSignal,
): Promise<void> {
  const tries = mayBeSilent ? MAX_TRIES : Number.POSITIVE_INFINITY;
  for (let count = 0; count < tries && !signal.aborted; count += 1) {
    try {
      const catalogue = await readCatalogue(asked ?? endpoint, request.mcpPath);
      front.describe({ catalogue });
      front.tell({ state: "serving" });
      log.info(`the server answers at ${publicUrl(front.port, request)}`, {
        name: catalogue.unsafeName,
        version: catalogue.unsafeVersion,
        tools: catalogue.tools.length,
      });
      break;
    } catch (error) {
      if (signal.aborted) break;
      if (!mayBeSilent) front.tell({ state: "failing", reason: reasonOf(error) });
      const level = mayBeSilent && count < tries - 1 ? "debug" : "warn";
      const advice = mayBeSilent ? `; ${nameOf("mcpPath")} is to name its endpoint` : "";
      log[level](`the server does not say what it is: ${reasonOf(error)}${advice}`);
    }
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** count, LONGEST_WAIT_MS);
    await sleep(waitMs, undefined, { signal }).catch(() => {});
  }
  await asked?.close(0);
}
