// Finds members of a JSON text and replaces them where they stand, so that everything else of the text passes as it was
// written: integers beyond 2^53, unknown members, the order of members. Knows JSON's grammar as far as it takes to step
// over a value, and nothing of JSON-RPC; a text that has to be valid is parsed by somebody else.

import {
  BROKEN,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  OPEN_OBJECT,
  QUOTE,
  skipSpace,
  skipString,
  skipValue,
} from "./json-text.ts";

/** Names from the outermost object inwards: `["params", "_meta", "progressToken"]`. */
export type MemberPath = readonly string[];

/** Where a value stands in the text: from its first character up to the one behind its last. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The spans of those that are there; or why the text has no plain answer. */
export type FoundMembers<Name extends string> =
  | { readonly [member in Name]?: Span }
  | MemberProblem;

export interface MemberProblem {
  /** A clause: "has the member id twice". */
  readonly problem: string;
}

/** Looks for the same members in one text after another. */
export type MemberFinder<Name extends string> = (text: string) => FoundMembers<Name>;

/**
 * Makes a function that finds the members at these paths in one pass, however large what lies between them is.
 *
 * A text in which a member on the way has two candidates is refused: JSON.parse takes the last, other parsers the
 * first, and Go's encoding/json takes `ID` for `id`. Who replaces one of them lets a client say one thing here and
 * another thing to the server.
 */
export function memberFinder<Name extends string>(
  paths: Readonly<Record<Name, MemberPath>>,
): MemberFinder<Name> {
  // The type of Object.entries forgets which names a record has.
  const root = plan<Name>(Object.entries<MemberPath>(paths) as [Name, MemberPath][]);
  return (text) => {
    const start = skipSpace(text, 0);
    if (text.charCodeAt(start) !== OPEN_OBJECT) return { problem: "is not a JSON object" };
    const scan: Scan<Name> = { text, spans: {} };
    const end = scanObject(scan, start, root);
    return end === BROKEN ? { problem: scan.problem ?? "is not complete JSON" } : scan.spans;
  };
}

/** The same text with these spans, in any order and none within another, replaced by other JSON texts. */
export function replaceSpans(
  text: string,
  replacements: readonly { readonly span: Span; readonly by: string }[],
): string {
  const ordered = replacements.toSorted((a, b) => a.span.start - b.span.start);
  let result = "";
  let from = 0;
  for (const { span, by } of ordered) {
    result += text.slice(from, span.start) + by;
    from = span.end;
  }
  return result + text.slice(from);
}

/** The same text with one more member at the front of the object that stands at `object`. */
export function insertMember(text: string, object: Span, name: string, value: string): string {
  const inside = object.start + 1;
  const comma = text.charCodeAt(skipSpace(text, inside)) === CLOSE_OBJECT ? "" : ",";
  return `${text.slice(0, inside)}${JSON.stringify(name)}:${value}${comma}${text.slice(inside)}`;
}

/** The text of the member, as it is written. */
export function textOf(text: string, span: Span): string {
  return text.slice(span.start, span.end);
}

/** What is looked for in one object: each name, as what its value is wanted, and what is looked for in that value. */
interface Plan<Name> {
  readonly name: string;
  readonly inside: Plan<Name>[];
  as?: Name;
}

interface Scan<Name extends string> {
  readonly text: string;
  readonly spans: { [member in Name]?: Span };
  problem?: string;
}

function plan<Name>(paths: readonly (readonly [Name, MemberPath])[]): Plan<Name> {
  const root: Plan<Name> = { name: "", inside: [] };
  for (const [as, path] of paths) {
    let node = root;
    for (const name of path) {
      let next = node.inside.find((known) => known.name === name);
      if (next === undefined) node.inside.push((next = { name, inside: [] }));
      node = next;
    }
    node.as = as;
  }
  return root;
}

/** Steps over the object at `at`, taking down what the plan asks for. Returns where it ends, or BROKEN. */
function scanObject<Name extends string>(scan: Scan<Name>, at: number, plan: Plan<Name>): number {
  const { text } = scan;
  const met: Plan<Name>[] = [];
  let next = skipSpace(text, at + 1);
  if (text.charCodeAt(next) === CLOSE_OBJECT) return next + 1;
  for (;;) {
    if (text.charCodeAt(next) !== QUOTE) return BROKEN;
    const afterName = skipString(text, next);
    if (afterName === BROKEN) return BROKEN;
    const name = plan.inside.length > 0 ? nameIn(text, next, afterName) : "";
    const wanted = plan.inside.find((known) => isSpelt(name, known.name));
    next = skipSpace(text, afterName);
    if (text.charCodeAt(next) !== COLON) return BROKEN;
    next = skipSpace(text, next + 1);
    if (wanted !== undefined) {
      if (met.includes(wanted)) return broken(scan, `has the member ${wanted.name} twice`);
      met.push(wanted);
    }
    next = scanValue(scan, next, wanted?.name === name ? wanted : undefined);
    if (next === BROKEN) return BROKEN;
    next = skipSpace(text, next);
    const mark = text.charCodeAt(next);
    if (mark === CLOSE_OBJECT) return next + 1;
    if (mark !== COMMA) return BROKEN;
    next = skipSpace(text, next + 1);
  }
}

function broken(scan: { problem?: string }, problem: string): typeof BROKEN {
  scan.problem = problem;
  return BROKEN;
}

function scanValue<Name extends string>(
  scan: Scan<Name>,
  start: number,
  plan: Plan<Name> | undefined,
): number {
  if (plan === undefined) return skipValue(scan.text, start);
  const goInside = plan.inside.length > 0 && scan.text.charCodeAt(start) === OPEN_OBJECT;
  const end = goInside ? scanObject(scan, start, plan) : skipValue(scan.text, start);
  if (end !== BROKEN && plan.as !== undefined) scan.spans[plan.as] = { start, end };
  return end;
}

/** The name that stands between these quotes, its escapes resolved. */
function nameIn(text: string, start: number, end: number): string {
  const written = text.slice(start + 1, end - 1);
  if (!written.includes("\\")) return written;
  try {
    return String(JSON.parse(text.slice(start, end)));
  } catch {
    return written;
  }
}

/** Whether some parser takes this name for the known one. Go's folds letters, and takes the long s for an s. */
function isSpelt(name: string, known: string): boolean {
  if (name.length !== known.length) return false;
  return name === known || name.toUpperCase().toLowerCase() === known.toLowerCase();
}

/** The position of the next character that is no space. */
