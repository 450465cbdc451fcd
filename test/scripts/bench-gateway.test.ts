// What the bench of gateways computes, shows and promises, and its load on a server. Nothing here is timed.

import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { gatewayProblem } from "../../scripts/bench/gateway.ts";
import { measureLoad, openSessions, percentile } from "../../scripts/bench/gateway/load.ts";
import {
  gatewayRows,
  type GatewayResults,
  isMissed,
  mostClientCores,
  targetsOf,
  type WaySamples,
} from "../../scripts/bench/gateway/results.ts";
import type { GatewaySample } from "../../scripts/bench/gateway/run.ts";
import {
  gatewayParagraph,
  gatewayTable,
  gatewayText,
} from "../../scripts/bench/gateway/section.ts";
import { SERVER, serverFiles } from "../../scripts/bench/modes/image.ts";
import { saysThatItListens } from "../../scripts/bench/modes/run.ts";
import { needs } from "../support/requirements.ts";
import { freePort } from "../support/runner.ts";
import { tempDir } from "../support/temp-dir.ts";

const samples: readonly WaySamples[] = [
  way("direct", [sampleOf(1000, 100)]),
  way("proxy", [sampleOf(950, 60)]),
  way("bridge", [sampleOf(1400, 55), sampleOf(1600, 65), sampleOf(3000, 57)]),
  way("supergateway", [sampleOf(300, 160)]),
  way("mcp-proxy", []),
];

const results: GatewayResults = {
  machine: "a machine",
  rounds: 3,
  programs: { Node: "20.1.0", supergateway: "4.0.0" },
  clientCores: mostClientCores(samples),
  rows: gatewayRows(samples),
  leftOut: [{ name: "mcp-proxy", reason: "it fails" }],
};

function way(id: WaySamples["way"]["id"], some: readonly GatewaySample[]): WaySamples {
  return { way: { id, name: `the ${id}`, isGateway: id !== "direct" }, samples: some };
}

function sampleOf(perSecond: number, megabytes: number): GatewaySample {
  const load = { perSecond, p50: 900 / perSecond, p99: 9000 / perSecond, clientCores: 0.2 };
  const memory = { resident: megabytes, anonymous: megabytes / 2 };
  return { openMs: 1200, memory, one: load, few: load, many: load };
}

describe("figures", () => {
  test("are medians of the rounds, of those that have some", () => {
    expect(results.rows.map(({ id }) => id)).toEqual(["direct", "proxy", "bridge", "supergateway"]);
    const bridge = results.rows.find(({ id }) => id === "bridge");
    expect(bridge?.one).toEqual({
      perSecond: { median: 1600, min: 1400, max: 3000 },
      p50: 0.563,
      p99: 5.625,
    });
    expect(bridge?.resident.median).toBe(57);
  });

  test.each([
    [4, 0.5, 2],
    [4, 0.99, 4],
    [1, 0.5, 1],
    [200, 0.99, 198],
  ])("of the numbers to %d the part %d is no more than %d", (length, part, expected) => {
    const numbers = Array.from({ length }, (_, index) => index + 1);
    expect(percentile(numbers, part)).toBe(expected);
  });
});

describe("promises", () => {
  test("are kept or missed, each by its own figure", () => {
    const missed = targetsOf(results).filter(isMissed);
    expect(targetsOf(results)).toHaveLength(7);
    expect(missed).toEqual([]);
    const worse = {
      rows: gatewayRows([...samples.slice(0, 3), way("supergateway", [sampleOf(350, 160)])]),
    };
    expect(
      targetsOf(worse)
        .filter(isMissed)
        .map(({ what }) => what),
    ).toEqual(["its rate with 1 session, times supergateway's"]);
  });

  test("are none where there are no figures", () => {
    expect(targetsOf({ rows: [] })).toEqual([]);
  });
});

describe("texts", () => {
  test("the table has rates and times, and the memory of gateways only", () => {
    const [, direct, proxy] = gatewayTable(results);
    const cell = "1,000/s (0.90, 9.0)";
    expect(direct).toEqual(["the direct", cell, cell, cell, "1.2 s", ""]);
    expect(proxy?.at(-1)).toBe("60 MB (30)");
  });

  test("say who is left out, what is kept, and how far the figures can be believed", () => {
    expect(gatewayText(results)).toContain("left out: mcp-proxy (it fails)");
    expect(gatewayText(results)).toContain("kept   its rate with 1 session");
    expect(gatewayParagraph(results)).toContain("at most 20% of one");
  });
});

test("a client that needs a core limits what it measures", () => {
  expect(gatewayProblem(results)).toBeUndefined();
  expect(gatewayProblem({ ...results, clientCores: 0.9 })).toContain("measuring side");
});

needs("node")("sessions are loaded, and each call counts", async () => {
  using dir = tempDir();
  for (const { path, content = "" } of await serverFiles()) {
    mkdirSync(dirname(dir.file(path)), { recursive: true });
    writeFileSync(dir.file(path), content);
  }
  const port = freePort();
  await using server = Bun.spawn(["node", dir.file(SERVER), String(port)], {
    env: { PATH: process.env["PATH"] ?? "", HOST: "127.0.0.1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  expect(await saysThatItListens(server.stdout)).toBe(true);
  const sessions = await openSessions(port, 2);
  const load = await measureLoad(sessions, 0.05);
  expect(load.perSecond).toBeGreaterThan(0);
  expect(load.p99).toBeGreaterThanOrEqual(load.p50);
  for (const session of sessions) session[Symbol.dispose]();
});
