// The thread that reads a layer: it inflates, verifies, parses and writes in one go, while the main thread fetches and
// other threads read other layers.

import type { Entry } from "./entry.ts";
import { Budget } from "./limits.ts";
import { LayerReader } from "./read.ts";
import { type FromWorker, type ToWorker, failureOf } from "./worker-messages.ts";
import { asDiskError } from "./write.ts";

declare const self: Worker;

let budget: Budget | undefined;
let reader: LayerReader | undefined;
let bodies = "";

self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  try {
    if (data.kind === "begin") budget = new Budget(data.limits, data.budget);
    budget?.during(() => take(data));
  } catch (error) {
    stop();
    tell({ kind: "failed", failure: failureOf(asDiskError(error, bodies)) });
  }
});

function take(message: ToWorker): void {
  switch (message.kind) {
    case "begin":
      begin(message);
      break;
    case "bytes":
      // After a failure what was already on its way is only sent back.
      reader?.push(new Uint8Array(message.buffer, 0, message.length));
      tell({ kind: "taken", buffer: message.buffer }, [message.buffer]);
      break;
    case "end":
      if (reader !== undefined) tell({ kind: "done", summary: reader.end() });
      stop();
      break;
  }
}

function begin({ diffId, bodies: path, contentOf }: Extract<ToWorker, { kind: "begin" }>): void {
  if (budget === undefined) return;
  bodies = path;
  const onEntries = (entries: readonly Entry[]) => tell({ kind: "entries", entries });
  reader = new LayerReader({ diffId, bodies, budget, contentOf, onEntries });
}

function stop(): void {
  reader?.[Symbol.dispose]();
  reader = undefined;
}

function tell(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  self.postMessage(message, transfer);
}
