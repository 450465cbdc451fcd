// The process that all clients of 2026-07-28 share, at any time: started when one asks, and again after it has ended
// by itself, later and later where it keeps ending. Knows nothing of what it is asked.

import { tellLife } from "../child-life.ts";
import { createCrashWatch } from "../crash-watch.ts";
import type { OnGatewayEvent } from "../events.ts";
import type { StartServer } from "../server-process.ts";
import { ModernChild } from "./modern-child.ts";
import { modernRequest } from "./modern-terms.ts";

export interface SharedChildOptions {
  readonly start: StartServer;
  /** What one has for its first answer. */
  readonly startTimeoutMs: number;
  readonly onEvent: OnGatewayEvent;
  /** A new one answers. */
  onReady(child: ModernChild): void;
}

/** It keeps ending, and is started again only after so many milliseconds. */
export interface Crashing {
  readonly retryAfterMs: number;
}

export class SharedChild {
  readonly #options: SharedChildOptions;
  readonly #crashes = createCrashWatch();
  #child: ModernChild | undefined;
  /** Becomes false where it ended before it answered. */
  #ready: Promise<boolean> | undefined;
  #notBefore = 0;
  #closed = false;

  constructor(options: SharedChildOptions) {
    this.#options = options;
  }

  get isLooping(): boolean {
    return this.#crashes.isLooping;
  }

  /**
   * The process, once it answers: what is asked before that might be lost with it, and nobody may ask a thing twice.
   * Whoever comes while it is started, or is to be started again soon, waits.
   */
  async ready(): Promise<ModernChild | Crashing> {
    for (;;) {
      const child = this.#child;
      if (child !== undefined) {
        if ((await this.#ready) && child === this.#child) return child;
        continue;
      }
      const waitMs = this.#notBefore - performance.now();
      if (this.#closed) return { retryAfterMs: 0 };
      if (waitMs > 0 && this.isLooping) return { retryAfterMs: waitMs };
      if (waitMs > 0) await Bun.sleep(waitMs);
      else this.#start();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#child?.process.stop();
  }

  #start(): void {
    const { start, onEvent, onReady } = this.#options;
    const startedAt = performance.now();
    let child: ModernChild;
    try {
      child = new ModernChild(start, (unsafeLine) => {
        onEvent({ type: "line-dropped", pid: child.process.pid, unsafeLine });
      });
    } catch (error) {
      onEvent({ type: "start-failed", error });
      this.#notBefore = startedAt + this.#crashes.ended(0);
      return;
    }
    tellLife(child.process, "shared", onEvent);
    this.#child = child;
    this.#ready = answers(child, this.#options.startTimeoutMs).then((isReady) => {
      if (isReady) onReady(child);
      return isReady;
    });
    void child.process.ended.then(() => {
      this.#child = undefined;
      const now = performance.now();
      this.#notBefore = now + this.#crashes.ended(now - startedAt);
    });
  }
}

const DISCOVER = modernRequest("ready", "server/discover");

/** Whatever it answers, it reads and answers. One that does not in time is ended. */
async function answers(child: ModernChild, withinMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  child.ask(DISCOVER, {
    tell() {},
    answer: () => resolve(true),
    unsubscribed() {},
    fail: () => resolve(false),
  });
  const timer = setTimeout(() => void child.process.stop(), withinMs);
  const isReady = await promise;
  clearTimeout(timer);
  return isReady;
}
