// Which bytes of a whole a partial answer holds. Pure.
// https://www.rfc-editor.org/rfc/rfc9110#field.content-range

export interface ContentRange {
  /** The first byte. */
  readonly start: number;
  /** The byte after the last. */
  readonly end: number;
  /** Bytes of the whole, where the server knows. */
  readonly total: number | undefined;
}

// Fifteen digits are exact as a number.
const CONTENT_RANGE = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i;

/** Parses the header; undefined where it is missing, of another unit, or contradicts itself. */
export function parseContentRange(unsafeText: string | null): ContentRange | undefined {
  const [, first, last, whole] = CONTENT_RANGE.exec(unsafeText?.trim() ?? "") ?? [];
  if (first === undefined) return undefined;
  const start = Number(first);
  const end = Number(last) + 1;
  const total = whole === "*" ? undefined : Number(whole);
  if (start >= end || (total !== undefined && end > total)) return undefined;
  return { start, end, total };
}
