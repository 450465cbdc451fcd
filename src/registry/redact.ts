// Takes secrets out of text from a registry or from Bun before it is printed. Goes by their shape, for it knows none.

const RULES: readonly (readonly [RegExp, string])[] = [
  // The query of a signed address is as good as a password.
  [/\?[^\s"'<>)]+/g, "?…"],
  [/:\/\/[^\s/@"']+@/g, "://…@"],
  [/\b(Basic|Bearer)\s+(?=[^\s"]*\d)[\w+/=.~-]{12,}/gi, "$1 …"],
  // The tokens of most registries are JSON in base64.
  [/\beyJ[\w-]{10,}(?:\.[\w-]+){0,2}/g, "…"],
];

/** The text without queries of addresses, Authorization headers and tokens. */
export function redact(unsafeText: string): string {
  return RULES.reduce(
    (text, [pattern, replacement]) => text.replace(pattern, replacement),
    unsafeText,
  );
}
