// What a registry wants its users to know: Warning headers. They are shown, and nothing else is done about them.
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#warnings

const MAX_LENGTH = 4096;
// Code 299, no agent, no date: every other form is to be passed over.
const WARNING = /(?:^|,)\s*299 - "((?:[^"\\]|\\.)*)"(?=\s*(?:,|$))/g;

/** The texts of the headers of one answer; several headers arrive joined by commas. */
export function parseWarnings(headers: Headers): readonly string[] {
  const unsafeText = (headers.get("warning") ?? "").slice(0, MAX_LENGTH);
  return [...unsafeText.matchAll(WARNING)].map(([, text = ""]) => text.replace(/\\(.)/g, "$1"));
}
