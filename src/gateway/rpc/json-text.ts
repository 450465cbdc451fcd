// Steps over the values of a JSON text without parsing them: strings by searching for their ends, which is as fast as
// memory is. Takes the text for JSON; whether it is, a parser has to judge.

/** In place of the position where a value ends. */
export const BROKEN = -1;

export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const BACKSLASH = 0x5c;

/** The position of the first character that is no space, which may be the text's end. */
export function skipSpace(text: string, at: number): number {
  let next = at;
  for (;;) {
    const mark = text.charCodeAt(next);
    if (mark !== 0x20 && mark !== 0x0a && mark !== 0x0d && mark !== 0x09) return next;
    next++;
  }
}

/** The position behind the value at `start`; BROKEN, which is negative, where there is none or no end of it. */
export function skipValue(text: string, start: number): number {
  const mark = text.charCodeAt(start);
  if (mark === QUOTE) return skipString(text, start);
  if (mark === OPEN_OBJECT || mark === OPEN_ARRAY) return skipContainer(text, start);
  return skipScalar(text, start);
}

/** As skipValue, of a string: a quote ends it unless an odd number of backslashes stands before. */
export function skipString(text: string, start: number): number {
  let quote = start;
  for (;;) {
    const from = quote + 1;
    quote = text.indexOf('"', from);
    if (quote === -1) return BROKEN;
    let escapes = quote;
    while (escapes > from && text.charCodeAt(escapes - 1) === BACKSLASH) escapes--;
    if ((quote - escapes) % 2 === 0) return quote + 1;
  }
}

/** Counts brackets of both kinds as one: whether each closes its own kind is for a parser to judge. */
function skipContainer(text: string, start: number): number {
  let depth = 1;
  let next = start + 1;
  for (; next < text.length; next++) {
    const mark = text.charCodeAt(next);
    if (mark === QUOTE) {
      next = skipString(text, next) - 1;
      if (next < 0) return BROKEN;
    } else if (mark === OPEN_OBJECT || mark === OPEN_ARRAY) {
      depth++;
    } else if (mark === CLOSE_OBJECT || mark === CLOSE_ARRAY) {
      if (--depth === 0) return next + 1;
    }
  }
  return BROKEN;
}

/** Whether containers stand in each other deeper than that. A text that ends within a string may be either. */
export function nestsDeeperThan(text: string, limit: number): boolean {
  let depth = 0;
  for (let next = 0; next < text.length; next++) {
    const mark = text.charCodeAt(next);
    if (mark === QUOTE) {
      next = skipString(text, next) - 1;
      if (next < 0) return false;
    } else if (mark === OPEN_OBJECT || mark === OPEN_ARRAY) {
      if (++depth > limit) return true;
    } else if (mark === CLOSE_OBJECT || mark === CLOSE_ARRAY) {
      depth--;
    }
  }
  return false;
}

function skipScalar(text: string, start: number): number {
  let next = start;
  for (; next < text.length; next++) {
    const mark = text.charCodeAt(next);
    if (mark === COMMA || mark === CLOSE_OBJECT || mark === CLOSE_ARRAY || mark <= 0x20) break;
  }
  return next === start ? BROKEN : next;
}
