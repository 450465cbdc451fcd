// The WWW-Authenticate header: which proofs a registry accepts. https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1

export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** Names in lower case, values as sent. */
  readonly parameters: ReadonlyMap<string, string>;
}

const MAX_LENGTH = 8192;
// A name, and what follows "=" when something does: a quoted string, or text up to the next comma.
const PART = /[\s,]*([!#$%&'*+.^_`|~0-9a-z-]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]*))?/iy;

/**
 * Every challenge of a header, in order. Several headers arrive joined by commas, and a quoted value may hold commas
 * of its own (`scope="repository:x:pull,push"`). Reading stops where the header makes no sense.
 */
export function parseChallenges(unsafeHeader: string | null): readonly Challenge[] {
  const text = (unsafeHeader ?? "").slice(0, MAX_LENGTH);
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  PART.lastIndex = 0;
  for (let part = PART.exec(text); part !== null; part = PART.exec(text)) {
    const [, name = "", value] = part;
    if (value === undefined) challenges.push({ scheme: name.toLowerCase(), parameters: new Map() });
    else challenges.at(-1)?.parameters.set(name.toLowerCase(), unquote(value));
  }
  return challenges;
}

function unquote(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
}
