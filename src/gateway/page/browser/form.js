// The form that calls a tool, and what comes of it.

import { callTool } from "./call.js";
import { element, words } from "./dom.js";

/** Of one text; more would only make the browser slow. */
const MAX_RESULT = 200_000;

let fields = 0;

/** A form with a field for each argument of the tool. */
export function callForm(tool, endpoint) {
  const inputs = tool.arguments.map((argument) => ({ argument, field: fieldFor(argument) }));
  const button = element("button", { className: "primary", textContent: "Call" });
  const result = element("div", { className: "result" });
  result.setAttribute("role", "status");
  const form = element("form", {}, ...inputs.map(labelled), element("p", {}, button), result);
  let calling;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (calling) return calling.abort();
    calling = new AbortController();
    button.textContent = "Stop";
    result.replaceChildren(words("p", "Calling…", "quiet"));
    result.replaceChildren(
      ...(await outcomeOf(tool, { endpoint, inputs, signal: calling.signal })),
    );
    button.textContent = "Call";
    calling = undefined;
  });
  return form;
}

async function outcomeOf(tool, { endpoint, inputs, signal }) {
  const started = performance.now();
  try {
    const argumentsJson = argumentsIn(inputs);
    const result = await callTool({ endpoint, name: tool.unsafeName, argumentsJson, signal });
    const took = `${Math.round(performance.now() - started)} ms`;
    return result.isError
      ? [words("p", `The tool says that it failed (${took}).`, "bad"), ...partsOf(result)]
      : [words("p", `Answered in ${took}.`, "good"), ...partsOf(result)];
  } catch (error) {
    const why = signal.aborted ? "Stopped." : `The call failed: ${error.message}`;
    return [words("p", shortened(why), "bad")];
  }
}

/** Name and type of an argument. */
export function termOf({ name, type, required }) {
  const kind = required ? type : `${type}, optional`;
  return [words("code", name), " ", words("span", kind, "type quiet")];
}

function labelled({ argument, field }) {
  fields += 1;
  field.id = `field-${fields}`;
  const label = element("label", { htmlFor: field.id }, ...termOf(argument));
  const parts = [label, field];
  if (argument.about) {
    parts.splice(1, 0, element("p", { id: `about-${fields}`, className: "about" }, argument.about));
    parts[1].dir = "auto";
    field.setAttribute("aria-describedby", parts[1].id);
  }
  return element("div", { className: "field" }, ...parts);
}

function fieldFor({ kind, choices, preset, required }) {
  if (kind === "choice") {
    const all = [{ label: "", json: "" }, ...choices];
    const options = all.map(({ label, json }) => new Option(label, json, false, json === preset));
    return element("select", { required }, ...options);
  }
  if (kind === "number" || kind === "integer") {
    const pattern =
      kind === "integer"
        ? "-?(0|[1-9][0-9]*)"
        : "-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+\\-]?[0-9]+)?";
    const inputMode = kind === "integer" ? "numeric" : "decimal";
    return element("input", {
      required,
      pattern,
      inputMode,
      value: preset,
      title: `a${kind === "integer" ? "n" : ""} ${kind}`,
    });
  }
  const isText = kind === "text";
  const placeholder = isText ? "" : "JSON";
  const field = element("textarea", { required, placeholder, rows: isText ? 1 : 2, value: preset });
  if (isText) field.addEventListener("keydown", submitOnEnter);
  return field;
}

// As in a chat: Shift and Enter make a new line.
function submitOnEnter(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.target.form.requestSubmit();
}

// Put together as text: integers beyond 2^53 and a name such as __proto__ arrive as they were written.
function argumentsIn(inputs) {
  const members = inputs.flatMap(({ argument, field }) => {
    const { kind, unsafeName, name, required } = argument;
    if (field.value === "" && !(required && kind === "text")) return [];
    const json = kind === "text" ? JSON.stringify(field.value) : field.value;
    if (!isJson(json)) throw new Error(`${name} is not JSON`);
    return [`${JSON.stringify(unsafeName)}:${json}`];
  });
  return `{${members.join(",")}}`;
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function partsOf(result) {
  const content = Array.isArray(result.content) ? result.content : [];
  const parts = content.length > 0 ? content : [result.structuredContent ?? result];
  return parts.map(partOf);
}

function partOf(part) {
  // As an image an SVG runs no script and loads nothing.
  if (part?.type === "image" && /^image\/[a-z0-9.+-]+$/.test(part.mimeType)) {
    const src = `data:${part.mimeType};base64,${part.data}`;
    return element("img", { src, alt: "An image that the tool has returned" });
  }
  const isText = part?.type === "text" && typeof part.text === "string";
  const block = words("pre", shortened(isText ? part.text : JSON.stringify(part, null, 2)));
  block.tabIndex = 0;
  return block;
}

function shortened(text) {
  if (text.length <= MAX_RESULT) return text;
  return `${text.slice(0, MAX_RESULT)}…\n\n(${text.length} characters in all)`;
}
