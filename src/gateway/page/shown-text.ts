// Texts of a server as the page shows them: of a bounded length, and without characters that repaint what stands beside
// them. That they become no markup is the browser's part.

import { printable } from "../../errors.ts";

const MAX_NAME = 200;
const MAX_TEXT = 8_000;

/** One line of a bounded length; nothing where it is no text. */
export function nameText(unsafeText: unknown): string {
  return typeof unsafeText === "string" ? printable(cut(unsafeText, MAX_NAME)) : "";
}

/** A text of several lines and a bounded length; nothing where it is no text. */
export function longText(unsafeText: unknown): string {
  if (typeof unsafeText !== "string") return "";
  const lines = cut(unsafeText, MAX_TEXT).replaceAll("\t", "    ").split(/\r?\n/);
  return lines.map(printable).join("\n").trim();
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length).toWellFormed()}…` : text;
}
