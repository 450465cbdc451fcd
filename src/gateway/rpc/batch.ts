// A JSON array taken apart into the texts of its elements, so that each can go its own way as it was written.

/** The texts of the elements. `text` has been parsed by somebody else, and is an array. */
export function elementsOf(text: string): readonly string[] {
  const elements: string[] = [];
  let depth = 0;
  let start = 0;
  const token = /"(?:[^"\\]|\\.)*"|[[\]{},]/gs;
  for (const { 0: found, index } of text.matchAll(token)) {
    if (found === "[" || found === "{") {
      if (depth++ === 0) start = index + 1;
    } else if (found === "]" || found === "}") {
      if (--depth === 0) addElement(elements, text.slice(start, index));
    } else if (found === "," && depth === 1) {
      addElement(elements, text.slice(start, index));
      start = index + 1;
    }
  }
  return elements;
}

function addElement(elements: string[], text: string): void {
  const element = text.trim();
  if (element !== "") elements.push(element);
}
