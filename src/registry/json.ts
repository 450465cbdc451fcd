// JSON of servers, programs and files that may as well have written anything else. Knows no document.

/** What a text stands for; undefined where it is no JSON. The parser's own words are dropped: they quote the text. */
export function parseJson(unsafe: string | Uint8Array): unknown {
  try {
    return JSON.parse(typeof unsafe === "string" ? unsafe : new TextDecoder().decode(unsafe));
  } catch {
    return undefined;
  }
}
