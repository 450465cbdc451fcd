// Media types of requests: what a body says it is, and what a client says it can read.

/** Whether a Content-Type says JSON, with whatever parameters. */
export function isJson(contentType: string | null): boolean {
  return contentType !== null && essence(contentType) === "application/json";
}

/** Whether an Accept header lets every one of these types through; an absent one does not. */
export function accepts(accept: string | null, ...types: readonly string[]): boolean {
  if (accept === null) return false;
  const ranges = accept.split(",").filter((range) => !/;\s*q=0(?:\.0*)?\s*(?:;|$)/i.test(range));
  const granted = new Set(ranges.map(essence));
  return types.every(
    (type) => granted.has(type) || granted.has(type.replace(/\/.*/, "/*")) || granted.has("*/*"),
  );
}

function essence(mediaType: string): string {
  return (mediaType.split(";", 1)[0] ?? "").trim().toLowerCase();
}
