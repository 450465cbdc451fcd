// Whether a server on stdio is alive, judged by what happens in its processes: one that ends by itself is a crash, many
// in a row without an answer in between are a server that does not work. Knows no clock and no health path.

import type { GatewayEvent } from "./events.ts";
import type { Phase } from "./status.ts";

export interface Vitality {
  /** The phase that begins with this event; nothing where none does. */
  observe(event: GatewayEvent): Phase | undefined;
}

/** A client that opens sessions in a loop meets the first of them before anybody should be alarmed. */
const CRASHES = 3;

/** Begins with a server that answers. */
export function createVitality(): Vitality {
  let crashes = 0;
  return {
    observe(event) {
      if (event.type === "call-finished" && event.outcome === "answered") {
        const recovers = crashes >= CRASHES;
        crashes = 0;
        return recovers ? { state: "serving" } : undefined;
      }
      if (event.type !== "child-ended" || event.end.wanted || event.purpose === "probe") {
        return undefined;
      }
      crashes += 1;
      if (crashes < CRASHES) return undefined;
      const reason = `the server's processes keep ending: the last one ${event.end.reason}`;
      return { state: "failing", reason };
    },
  };
}
