// A JSON array taken apart into the texts of its elements, so that each can go its own way as it was written.

import { skipSpace, skipValue } from "./json-text.ts";

/** The texts of the elements. `text` has been parsed by somebody else, and is an array. */
export function elementsOf(text: string): readonly string[] {
  const elements: string[] = [];
  let start = skipSpace(text, text.indexOf("[") + 1);
  while (text[start] !== "]") {
    const end = skipValue(text, start);
    if (end < start) throw new TypeError("elementsOf: the text is no array");
    elements.push(text.slice(start, end));
    const mark = skipSpace(text, end);
    start = text[mark] === "," ? skipSpace(text, mark + 1) : mark;
  }
  return elements;
}
