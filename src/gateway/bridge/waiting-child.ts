// A process of the server that has been started before anybody talks to it, and the one that is kept ready for the
// next session. Starting is what opening a session takes its time for.

import { tellLife } from "../child-life.ts";
import type { ChildPurpose, OnGatewayEvent } from "../events.ts";
import type { ServerProcess, StartServer } from "../server-process.ts";

export interface WaitingChild {
  readonly process: ServerProcess;
  /** Gives it the taker of its lines, beginning with those that have come already. */
  adopt(onLine: (unsafeLine: string) => void | Promise<void>): void;
}

/** What a server says before it is asked anything; beyond it, it has to wait. */
const MAX_EARLY_LINES = 64;
const MAX_EARLY_CHARACTERS = 1_048_576;

/** Starts one more process. Throws where none can be started. */
export function startWaiting(
  start: StartServer,
  purpose: ChildPurpose,
  onEvent: OnGatewayEvent,
): WaitingChild {
  const early: string[] = [];
  let characters = 0;
  const adopted = Promise.withResolvers<void>();
  let take: ((unsafeLine: string) => void | Promise<void>) | undefined;
  const process = start({
    onLine(unsafeLine) {
      if (take !== undefined) return take(unsafeLine);
      early.push(unsafeLine);
      characters += unsafeLine.length;
      if (early.length >= MAX_EARLY_LINES || characters >= MAX_EARLY_CHARACTERS) {
        return adopted.promise;
      }
    },
  });
  tellLife(process, purpose, onEvent);
  return {
    process,
    adopt(onLine) {
      take = onLine;
      for (const line of early.splice(0)) void onLine(line);
      adopted.resolve();
    },
  };
}

/** Keeps at most one process ready. */
export class SpareChild {
  readonly #start: () => WaitingChild;
  #child: WaitingChild | undefined;

  constructor(start: () => WaitingChild) {
    this.#start = start;
  }

  /** Sees to it that there is one. One that ends by itself is not replaced before somebody asks again. */
  prepare(): void {
    if (this.#child !== undefined) return;
    try {
      const child = this.#start();
      this.#child = child;
      void child.process.ended.then(() => {
        if (this.#child === child) this.#child = undefined;
      });
    } catch {
      // Whoever needs one will hear why there is none.
    }
  }

  /** The one that is ready, or a new one. Throws where none can be started. */
  take(): WaitingChild {
    const child = this.#child ?? this.#start();
    this.#child = undefined;
    return child;
  }

  async end(): Promise<void> {
    // What it has said already is to nobody, and would keep it from being read to its end.
    this.#child?.adopt(() => {});
    await this.#child?.process.stop();
  }
}
