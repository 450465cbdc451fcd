// When a request is worth another try, and after how long. Pure: the time and the dice are handed in.

/** How often a request is made at most. */
export const TRIES = 5;
/** A registry that asks for a longer wait than this is not waited for. */
const MAX_WAIT_MS = 60_000;

const FIRST_WAIT_MS = 500;
const LONGEST_BACKOFF_MS = 10_000;

// What passes by itself: time-outs, limits, and servers or gateways in trouble. 499 and 522 are nginx's and
// Cloudflare's words for a connection that broke off on their side.
const PASSING = new Set([408, 425, 429, 499, 500, 502, 503, 504, 522]);

/** A request that is about to be made again. */
export interface Retry {
  /** What has gone wrong: "the registry ghcr.io answers 503". */
  readonly problem: string;
  readonly waitMs: number;
  /** Which try comes next, from 2, of how many. */
  readonly next: number;
  readonly tries?: number | undefined;
}

/** Whether an HTTP status may be another one in a moment. */
export function isPassing(status: number): boolean {
  return PASSING.has(status);
}

/** Whether a registry in trouble, or with a limit, wants to be left alone for longer than it is waited for. */
export function isLongWait(status: number | undefined, waitMs = 0): boolean {
  return status !== undefined && isPassing(status) && waitMs > MAX_WAIT_MS;
}

/**
 * Milliseconds to wait after the given number of tries: up to twice as long each time, and anything between nothing and
 * that, so that many runners which failed together do not come back together.
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoff(tried: number, random: () => number): number {
  return Math.round(random() * Math.min(FIRST_WAIT_MS * 2 ** (tried - 1), LONGEST_BACKOFF_MS));
}

/**
 * Milliseconds that a Retry-After header asks for: seconds, or a date by the clock of the server that sends it.
 * Undefined for anything else. https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export function parseRetryAfter(headers: Headers, now: number): number | undefined {
  const unsafeText = headers.get("retry-after")?.trim() ?? "";
  if (/^\d{1,9}$/.test(unsafeText)) return Number(unsafeText) * 1000;
  const date = parseDate(unsafeText);
  return date === undefined ? undefined : Math.max(0, date - serverTime(headers, now));
}

/** The time by the server's own clock, as its answer says; ours where it does not. */
export function serverTime(headers: Headers, now: number): number {
  return parseDate(headers.get("date") ?? "") ?? now;
}

/** One sentence for the log. */
export function formatRetry({ problem, waitMs, next, tries = TRIES }: Retry): string {
  return `${problem}; trying again in ${(waitMs / 1000).toFixed(1)} s (${next} of ${tries})`;
}

// All three forms of an HTTP date begin with a day's name, and Date.parse takes much that is no date at all.
function parseDate(unsafeText: string): number | undefined {
  if (!/^[A-Z][a-z]{2,8},? [\w :-]{10,40}$/.test(unsafeText)) return undefined;
  const time = Date.parse(unsafeText);
  return Number.isNaN(time) ? undefined : time;
}
