// MCP's official conformance suites, against the fixture by itself and through each way in which the gateway serves it.
// The measure is exact: what passes directly passes through the gateway, no failure is expected anywhere.

import { describe, expect, test } from "bun:test";
import { serveConformance } from "../fixtures/conformance-server/http.ts";
import { runSuite, SUITE_2025, SUITE_2026 } from "./support/conformance-suite.ts";

const SUITE_MS = 120_000;

/** A suite that leaves anything out, or that a new version has changed, shows by its counts. */
const EXPECTED_2025 = {
  scenarios: 32,
  passed: 44,
  failed: [],
  // The scenario says that it speaks 2025-03-26, whose clients stumble over an event without data.
  warned: [
    expect.stringMatching(/^server-sse-polling: ServerSendsPrimingEvent: /),
    expect.stringMatching(/^server-sse-polling: ServerSendsRetryField: /),
  ],
};
const EXPECTED_2026 = { scenarios: 40, passed: 152, failed: [], warned: [] };

interface Served extends AsyncDisposable {
  readonly url: string;
}

const WAYS: Readonly<Record<string, () => Served>> = {
  "no gateway": () => {
    const server = serveConformance();
    return { url: `${server.url}mcp`, [Symbol.asyncDispose]: () => server.stop(true) };
  },
};

describe.each(Object.entries(WAYS))("through %s", (_, serve) => {
  test(
    "all of revisions 2025-06-18 and 2025-11-25 holds",
    async () => {
      await using served = serve();
      expect(await runSuite(SUITE_2025, served.url)).toEqual(EXPECTED_2025);
    },
    SUITE_MS,
  );

  test(
    "all of revision 2026-07-28 holds",
    async () => {
      await using served = serve();
      expect(await runSuite(SUITE_2026, served.url)).toEqual(EXPECTED_2026);
    },
    SUITE_MS,
  );
});
