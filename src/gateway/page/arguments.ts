// The arguments of a tool or a prompt, from a schema that may be anything: as much of JSON Schema as tells a person
// what to write, and a form how to ask for it. What it does not understand is asked for as JSON.

import { isMembers, type Members } from "../rpc/envelope.ts";
import { longText, nameText } from "./shown-text.ts";

export interface Argument {
  /** As the server wants it to be called. */
  readonly unsafeName: string;
  readonly name: string;
  /** For a person: "string", "integer or null", "list of number". */
  readonly type: string;
  readonly about: string;
  readonly required: boolean;
  readonly kind: "text" | "number" | "integer" | "choice" | "json";
  /** Of a choice: what is shown, and the JSON that is sent. */
  readonly choices: readonly Choice[];
  /** What the field holds at first: JSON, but of a text the text itself. */
  readonly preset: string;
}

export interface Choice {
  readonly label: string;
  readonly json: string;
}

const MAX_ARGUMENTS = 100;
const MAX_CHOICES = 200;
/** References that lead to references. */
const MAX_DEPTH = 5;

/** The arguments of a tool, by its input schema. */
export function argumentsOfSchema(unsafeSchema: unknown): readonly Argument[] {
  const schema = isMembers(unsafeSchema) ? unsafeSchema : {};
  const { properties, required } = schema;
  if (!isMembers(properties)) return [];
  const names: readonly unknown[] = Array.isArray(required) ? required : [];
  return Object.entries(properties)
    .slice(0, MAX_ARGUMENTS)
    .map(([name, property]) => argumentOf(name, property, { root: schema, required: names }));
}

/** The arguments of a prompt, which are texts. */
export function argumentsOfPrompt(unsafeList: unknown): readonly Argument[] {
  if (!Array.isArray(unsafeList)) return [];
  return unsafeList.slice(0, MAX_ARGUMENTS).flatMap((entry: unknown) => {
    if (!isMembers(entry) || typeof entry["name"] !== "string") return [];
    const { name, description, required } = entry;
    const names = required === true ? [name] : [];
    return [
      argumentOf(entry["name"], { type: "string", description }, { root: {}, required: names }),
    ];
  });
}

interface Surroundings {
  readonly root: Members;
  readonly required: readonly unknown[];
}

function argumentOf(
  unsafeName: string,
  unsafeProperty: unknown,
  { root, required }: Surroundings,
): Argument {
  const property = resolve(unsafeProperty, root);
  const alternatives = alternativesOf(property, root);
  const wanted = alternatives.filter(({ type }) => type !== "null");
  const single = wanted.length === 1 ? wanted[0] : undefined;
  const kind = single === undefined ? "json" : kindOf(single);
  return {
    unsafeName,
    name: nameText(unsafeName),
    type: [...new Set(alternatives.map(typeText))].join(" or "),
    about: longText(property["description"]) || longText(single?.["description"]),
    required: required.includes(unsafeName),
    kind,
    choices: kind === "choice" ? choicesOf(single ?? {}) : [],
    preset: presetOf(property["default"], kind),
  };
}

// A schema that only names another is that other, with what it says besides.
function resolve(unsafeSchema: unknown, root: Members, depth = 0): Members {
  if (!isMembers(unsafeSchema)) return {};
  const { $ref: reference, allOf } = unsafeSchema;
  if (depth === MAX_DEPTH) return unsafeSchema;
  if (Array.isArray(allOf) && allOf.length === 1) {
    return { ...resolve(allOf[0], root, depth + 1), ...unsafeSchema };
  }
  const [, group = "", name = ""] =
    /^#\/(\$defs|definitions)\/([^/]+)$/.exec(String(reference)) ?? [];
  const definitions = root[group];
  if (!isMembers(definitions) || !Object.hasOwn(definitions, name)) return unsafeSchema;
  return { ...resolve(definitions[name], root, depth + 1), ...unsafeSchema };
}

function alternativesOf(schema: Members, root: Members): readonly Members[] {
  const { anyOf, oneOf, type } = schema;
  const list: unknown = anyOf ?? oneOf;
  if (Array.isArray(list)) return list.slice(0, MAX_CHOICES).map((one) => resolve(one, root));
  return Array.isArray(type)
    ? type.slice(0, MAX_CHOICES).map((one) => ({ ...schema, type: one }))
    : [schema];
}

function kindOf(schema: Members): Argument["kind"] {
  if (choicesOf(schema).length > 0) return "choice";
  switch (schema["type"]) {
    case "string":
      return "text";
    case "number":
    case "integer":
      return schema["type"];
    default:
      return "json";
  }
}

function choicesOf(schema: Members): readonly Choice[] {
  const { type, enum: list } = schema;
  const one = "const" in schema ? [schema["const"]] : undefined;
  const values = one ?? list ?? (type === "boolean" ? [true, false] : []);
  if (!Array.isArray(values) || values.length > MAX_CHOICES || !values.every(isPlain)) return [];
  return values.map((value) => ({ label: nameText(String(value)), json: JSON.stringify(value) }));
}

function isPlain(value: unknown): boolean {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

function typeText(schema: Members): string {
  const { type, items } = schema;
  if (type === "array" && isMembers(items) && typeof items["type"] === "string") {
    return `list of ${nameText(items["type"])}`;
  }
  if (typeof type === "string") return type === "array" ? "list" : nameText(type);
  return choicesOf(schema).length > 0 ? "choice" : "any";
}

function presetOf(value: unknown, kind: Argument["kind"]): string {
  if (value === undefined || value === null) return "";
  if (kind === "text") return typeof value === "string" ? cutToNothing(value) : "";
  const isNumber = kind === "number" || kind === "integer";
  return isNumber && typeof value !== "number" ? "" : cutToNothing(JSON.stringify(value));
}

const MAX_PRESET = 8_000;

// Half of a value is another value.
function cutToNothing(text: string): string {
  return text.length > MAX_PRESET ? "" : text;
}
