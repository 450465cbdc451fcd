// MCP's official conformance suites, against the fixture by itself and through each way in which the gateway serves it.
// The measure is exact: a suite that leaves anything out shows by its counts, and no failure is expected anywhere.

import { describe, expect, test } from "bun:test";
import { serveConformance } from "../fixtures/conformance-server/http.ts";
import {
  ALL_BUT_PRIMING,
  ALL_PASSES,
  runSuite,
  SUITE_2025,
  suite2026,
  type SuiteResult,
} from "./support/conformance-suite.ts";
import { bridgeTo, proxyTo } from "./support/gateways.ts";
import { conformanceServer, conformanceServerAt } from "./support/servers.ts";

const SUITE_MS = 120_000;

interface Served extends AsyncDisposable {
  readonly url: string;
}

interface Expected {
  /** By the suite of the time, of revisions 2025-06-18 and 2025-11-25. */
  readonly first: SuiteResult;
  /** By today's suite, of 2025-11-25. */
  readonly sessions: SuiteResult;
  readonly stateless: SuiteResult;
}

const DIRECT: Expected = {
  first: { scenarios: 32, passed: 44, ...ALL_BUT_PRIMING },
  sessions: { scenarios: 33, passed: 84, ...ALL_PASSES },
  stateless: { scenarios: 40, passed: 152, ...ALL_PASSES },
};

describe("the fixture by itself, over HTTP,", () => {
  keeps(() => {
    const server = serveConformance();
    return { url: `${server.url}mcp`, [Symbol.asyncDispose]: () => server.stop(true) };
  }, DIRECT);
});

describe("the fixture over HTTP, through the proxy,", () => {
  keeps(() => proxyTo(conformanceServerAt), DIRECT);
});

// It begins every stream of a session of 2025-11-25 as that revision asks. What it has at once it answers in one JSON
// response, and it ends no stream by itself: checks of streams do not count where there is none.
describe("the fixture on stdio, through the bridge,", () => {
  keeps(() => bridgeTo(conformanceServer()), {
    first: { scenarios: 32, passed: 45, ...ALL_PASSES },
    sessions: { scenarios: 33, passed: 82, ...ALL_PASSES },
    stateless: { scenarios: 40, passed: 152, ...ALL_PASSES },
  });
});

function keeps(serve: () => Served, { first, sessions, stateless }: Expected): void {
  test.each([
    ["2025-06-18 and 2025-11-25, by their own suite", SUITE_2025, first],
    ["2025-11-25", suite2026("2025-11-25"), sessions],
    ["2026-07-28", suite2026("2026-07-28"), stateless],
  ] as const)(
    "keeps %s",
    async (_, suite, expected) => {
      await using served = serve();
      expect(await runSuite(suite, served.url)).toEqual(expected);
    },
    SUITE_MS,
  );
}
