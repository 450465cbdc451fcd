// Elements. Text of a server only ever becomes text: nothing here takes markup.

export function byId(id) {
  return document.getElementById(id);
}

/** Strings among the children become text. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** An element with words of the server's, which run in their own direction and move nothing around them. */
export function words(tag, text, className = "") {
  return element(tag, { dir: "auto", className, textContent: text });
}

/** Changes a text only where it differs, so that a screen reader says it once. */
export function say(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}
