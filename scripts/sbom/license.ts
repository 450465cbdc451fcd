// Tells licence expressions from other text that people write where one belongs.

// https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/
const ID = String.raw`\(*[A-Za-z0-9][A-Za-z0-9.-]*\+?\)*`;
const EXPRESSION = new RegExp(`^${ID}(?: (?:AND|OR|WITH) ${ID})*$`);

/** The text as a part's licence, unless it is no SPDX expression. */
export function licenseExpression(text: unknown): { license?: string } {
  return typeof text === "string" && EXPRESSION.test(text) ? { license: text } : {};
}
