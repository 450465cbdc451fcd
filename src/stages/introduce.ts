// The first question to a server that the runner serves: what it is. Until it has answered, nobody is told that there
// is a server.

import { setTimeout as sleep } from "node:timers/promises";
import { reasonOf } from "../errors.ts";
import { readCatalogue } from "../gateway/catalogue.ts";
import type { Endpoint } from "../gateway/endpoint.ts";
import { log } from "../log.ts";
import type { Gateway } from "./gateway.ts";

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/** Asks until there is an answer, or until the signal. Never rejects. */
export async function introduce(
  endpoint: Endpoint,
  { front, request }: Gateway,
  signal: AbortSignal,
): Promise<void> {
  for (
    let waitMs = FIRST_WAIT_MS;
    !signal.aborted;
    waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)
  ) {
    try {
      const catalogue = await readCatalogue(endpoint, request.mcpPath);
      front.describe({ catalogue });
      front.tell({ state: "serving" });
      log.info("the server answers", {
        name: catalogue.unsafeName,
        version: catalogue.unsafeVersion,
        tools: catalogue.tools.length,
      });
      return;
    } catch (error) {
      if (signal.aborted) return;
      front.tell({ state: "failing", reason: reasonOf(error) });
      log.warn(`the server does not say what it is: ${reasonOf(error)}`);
    }
    await sleep(waitMs, undefined, { signal }).catch(() => {});
  }
}
