// The time that a whole pull may take. Knows no requests: they are handed its signal.

import { RunnerError } from "../errors.ts";
import { inWords } from "./duration.ts";

export interface Deadline {
  /** Aborted with LIMIT_EXCEEDED when the time is up; absent when there is no limit. */
  readonly signal?: AbortSignal;
  /** Stops the clock. */
  clear(): void;
}

/** Starts the clock for the pull of `what`; with a limit of 0 it never rings. */
export function startDeadline(what: string, limitMs: number): Deadline {
  if (limitMs === 0) return { clear() {} };
  const abort = new AbortController();
  const ring = () => abort.abort(tooSlow(what, limitMs));
  const timer = setTimeout(ring, limitMs);
  return { signal: abort.signal, clear: () => clearTimeout(timer) };
}

function tooSlow(what: string, limitMs: number): RunnerError {
  return new RunnerError(
    "LIMIT_EXCEEDED",
    `${what} is not pulled after ${inWords(limitMs)}, which is the limit (PULL_TIMEOUT)`,
    {
      stage: "fetch-config",
      hint: "Raise PULL_TIMEOUT, or set it to 0 for no limit; find out why the registry or the network is slow.",
    },
  );
}
