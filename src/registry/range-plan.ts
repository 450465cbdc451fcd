// Which bytes of a large blob are fetched beside its stream, and whether that is worth while. Pure.

export interface Range {
  readonly start: number;
  /** The byte after the last. */
  readonly end: number;
}

/** How a stream has come along until now. */
export interface Progress {
  /** Milliseconds in which its reader has waited for the network. A reader that is slow itself gains nothing. */
  readonly waitedMs: number;
  readonly bytes: number;
}

/** A connection needs a while to get up to its speed. */
const MEASURE_MS = 400;
const WORTHWHILE_MS = 2000;
const MIN_BYTES = 1024 ** 2;
const MAX_BYTES = 8 * 1024 ** 2;

/** Whether so much waiting for `remaining` bytes is to be expected that more connections are worth their set-up. */
export function isWorthwhile({ waitedMs, bytes }: Progress, remaining: number): boolean {
  if (waitedMs < MEASURE_MS || remaining < 2 * MIN_BYTES) return false;
  return (remaining * waitedMs) / Math.max(bytes, 1) > WORTHWHILE_MS;
}

/**
 * The next range of a blob that is fetched up to `start`, for one of so many `lanes`. Ranges become smaller towards
 * the end, that all lanes finish at about the same time.
 */
export function nextRange(start: number, size: number, lanes: number): Range | undefined {
  if (start >= size) return undefined;
  const share = Math.ceil((size - start) / lanes);
  const bytes = Math.min(Math.max(share, MIN_BYTES), MAX_BYTES);
  // What would be left over is not worth a request of its own.
  const end = start + bytes + MIN_BYTES > size ? size : start + bytes;
  return { start, end };
}
