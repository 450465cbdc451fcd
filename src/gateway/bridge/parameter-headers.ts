// Arguments of a tool that a client repeats in Mcp-Param-* headers, so that what stands between can route by them.
// Whoever routes by a header while the server acts on the body can be led astray: both have to say the same.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#custom-headers-from-tool-parameters

import { decodeHeaderValue } from "../http/header-value.ts";
import { isMembers } from "../rpc/envelope.ts";

/** One annotated argument. */
export interface ParameterHeader {
  /** `Mcp-Param-…`, as the schema writes it. */
  readonly header: string;
  /** Names of members from the arguments inwards. */
  readonly path: readonly string[];
  readonly isNumber: boolean;
}

/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TYPES: readonly unknown[] = ["string", "integer", "boolean"];

/**
 * The annotated arguments of a tool. None where an annotation is against the rules: a client must not offer such a
 * tool, so that nobody who calls it knows of headers.
 */
export function parameterHeaders(unsafeInputSchema: unknown): readonly ParameterHeader[] {
  const found: ParameterHeader[] = [];
  const pending: { schema: unknown; path: readonly string[] }[] = [
    { schema: unsafeInputSchema, path: [] },
  ];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { schema, path } = next;
    if (!isMembers(schema)) continue;
    const name = schema["x-mcp-header"];
    if (name !== undefined) {
      const isValid =
        typeof name === "string" && TOKEN.test(name) && TYPES.includes(schema["type"]);
      if (!isValid || path.length === 0) return [];
      found.push({ header: `Mcp-Param-${name}`, path, isNumber: schema["type"] === "integer" });
    }
    if (!isMembers(schema["properties"])) continue;
    for (const [member, inside] of Object.entries(schema["properties"])) {
      pending.push({ schema: inside, path: [...path, member] });
    }
  }
  const names = new Set(found.map(({ header }) => header.toLowerCase()));
  return names.size === found.length ? found : [];
}

/** What is wrong with the headers of a call with these arguments, as a sentence; undefined where all agree. */
export function parameterProblem(
  declared: readonly ParameterHeader[],
  unsafeArguments: unknown,
  headers: Headers,
): string | undefined {
  for (const { header, path, isNumber } of declared) {
    const value = headers.get(header);
    const inBody = memberAt(unsafeArguments, path);
    const isSayable = inBody !== undefined && inBody !== null && writtenAs(inBody) !== undefined;
    if (value === null && isSayable) return `${header} is required with these arguments.`;
    if (value === null) continue;
    const said = decodeHeaderValue(value);
    if (said === undefined) return `${header} has characters that it must not have.`;
    if (!isSame(said, inBody, isNumber)) return `${header} does not say what the body says.`;
  }
  return undefined;
}

function memberAt(value: unknown, path: readonly string[]): unknown {
  let inside = value;
  for (const name of path) {
    if (!isMembers(inside) || !Object.hasOwn(inside, name)) return undefined;
    inside = inside[name];
  }
  return inside;
}

const DECIMAL = /^-?\d+(?:\.\d+)?$/;

function isSame(said: string, inBody: unknown, isNumber: boolean): boolean {
  const written = writtenAs(inBody);
  if (isNumber && typeof inBody === "number" && DECIMAL.test(said)) {
    return written !== undefined && Number(said) === inBody;
  }
  return said === written;
}

/** Undefined for what no header can say: an integer beyond 2^53 has lost digits when it has been parsed. */
function writtenAs(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "number") return undefined;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value);
}
