// Asking again while it may help. Decides nothing itself: retry.ts says when and how long.

import type { Clock } from "./clock.ts";
import { isPassingProblem } from "./network-problem.ts";
import { backoff, isLongWait, isPassing, parseRetryAfter, TRIES, type Retry } from "./retry.ts";

export interface Patience {
  readonly clock: Clock;
  /** How often a request is made at most; five times when absent. */
  readonly tries?: number | undefined;
  /** Ends the waiting with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told before each wait. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/** What has to be known of an answer. */
export interface Outcome {
  readonly status: number;
  readonly headers: Headers;
  /** The host that answered, and that it is not the one which was asked. */
  readonly host: string;
  readonly isForeign: boolean;
  readonly body?: ReadableStream<Uint8Array>;
}

/**
 * Makes a request of `who` until its outcome is one that another try would not change, or it has been tried often
 * enough, or the other side wants to be left alone for longer than we wait. That outcome is returned, or thrown.
 */
export async function persist<T extends Outcome>(
  who: string,
  attempt: () => Promise<T>,
  { clock, tries = TRIES, signal, onRetry }: Patience,
): Promise<T> {
  for (let tried = 1; tried < tries; tried++) {
    let problem: string;
    let askedMs = 0;
    try {
      const outcome = await attempt();
      askedMs = parseRetryAfter(outcome.headers, clock.now()) ?? 0;
      if (!isPassing(outcome.status) || isLongWait(outcome.status, askedMs)) return outcome;
      await outcome.body?.cancel().catch(() => {});
      problem = `${outcome.isForeign ? outcome.host : who} answers ${outcome.status}`;
    } catch (error) {
      if (!isPassingProblem(error)) throw error;
      problem = error.message;
    }
    const waitMs = Math.max(backoff(tried, clock.random), askedMs);
    onRetry?.({ problem, waitMs, next: tried + 1, tries });
    await clock.wait(waitMs, signal);
  }
  return await attempt();
}
