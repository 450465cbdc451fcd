// The revisions of MCP that have sessions, and what differs between them over HTTP.

/** Newest first. The last two had another HTTP transport, but servers choose them whatever is in front. */
export const SESSION_REVISIONS: readonly string[] = [
  "2025-11-25",
  "2025-06-18",
  "2025-03-26",
  "2024-11-05",
  "2024-10-07",
];

/** Messages in one body: taking them apart takes the time of all sessions. */
export const MAX_BATCH = 1_024;

/** Whether clients take an event without data, which only tells them where to resume. */
export function primesStreams(revision: string | undefined): boolean {
  return revision !== undefined && revision >= "2025-11-25";
}

/** Whether several messages may come in one body. */
export function allowsBatches(revision: string | undefined): boolean {
  return revision === "2025-03-26";
}
