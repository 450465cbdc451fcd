// What the bench of run modes computes, shows and checks, and its client against its server. Nothing here is timed.

import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { modesProblem } from "../../scripts/bench/modes.ts";
import { callsPerSecond, ECHO, openSession, READ_FILES } from "../../scripts/bench/modes/client.ts";
import { SERVER, serverFiles } from "../../scripts/bench/modes/image.ts";
import { clientCores, modeRows, type ModesResults } from "../../scripts/bench/modes/results.ts";
import type { Sample } from "../../scripts/bench/modes/run.ts";
import {
  modesParagraph,
  modesTable,
  modesText,
  probeSentence,
} from "../../scripts/bench/modes/section.ts";
import { saysThatItListens } from "../../scripts/bench/modes/run.ts";
import { needs } from "../support/requirements.ts";
import { freePort } from "../support/runner.ts";
import { tempDir } from "../support/temp-dir.ts";

const samples = [
  { name: "Node alone", samples: [startOf(90), sampleOf(100, 2000), sampleOf(110, 2400)] },
  { name: "proot, PRoot 5.4.0", samples: [startOf(200), sampleOf(300, 110)] },
];

const results: ModesResults = {
  machine: "a machine",
  rounds: 2,
  startsPerRound: 3,
  programs: { Node: "20.1.0", "fastmcp-runner": "0.1.0" },
  imageMegabytes: 106,
  clientCores: clientCores(samples),
  rows: modeRows(samples),
  leftOut: [{ name: "loader", reason: "it fails" }],
  probe: [{ user: "root", milliseconds: { median: 7.2, min: 5, max: 50 } }],
};

function startOf(startMs: number): Sample {
  return { startMs };
}

function sampleOf(startMs: number, perSecond: number): Sample {
  const rate = { perSecond, clientCores: perSecond / 10_000 };
  return { startMs, rates: { echo: rate, echoMany: rate, readFiles: rate } };
}

describe("figures", () => {
  test("all starts count, and the rates of those that have some, against the first row", () => {
    const [, traced] = results.rows;
    expect(traced?.start).toEqual({ median: 250, min: 200, max: 300, ratio: 2.5 });
    expect(traced?.readFiles).toEqual({ median: 110, min: 110, max: 110, ratio: 0.05 });
  });

  test("what the client needs is what it needed most", () => {
    expect(results.clientCores).toEqual({ one: 0.24, many: 0.24 });
  });
});

describe("texts", () => {
  test("a small ratio keeps a figure that says something, and a mode is code", () => {
    expect(modesTable(results).slice(1)).toEqual([
      ["Node alone", "100 ms", "2,200/s", "2,200/s", "2,200/s"],
      ["`proot`, PRoot 5.4.0", "250 ms (2.5×)", "110/s (0.05×)", "110/s (0.05×)", "110/s (0.05×)"],
    ]);
  });

  test("they say how far the figures can be believed, and who is left out", () => {
    expect(modesParagraph(results)).toContain("between 0.9 and 1.1 times their median");
    expect(modesText(results)).toContain("left out: loader (it fails)");
    expect(probeSentence(results)).toContain("no more than 8 ms as root");
  });
});

describe("problems", () => {
  test.each([
    ["nothing", results, undefined],
    [
      "a client that needs a core",
      { ...results, clientCores: { one: 0.2, many: 0.9 } },
      "the measuring side limits what it measures",
    ],
    [
      "a slow probe",
      { ...results, probe: [{ user: "root", milliseconds: { median: 31, min: 5, max: 50 } }] },
      "the probe takes root more than 30 ms",
    ],
  ] as const)("%s", (_, found, problem) => {
    expect(modesProblem(found)).toBe(problem);
  });
});

needs("node")("the server answers both tools, and the client notices a wrong answer", async () => {
  using dir = tempDir();
  for (const { path, content = "" } of await serverFiles()) {
    mkdirSync(dirname(dir.file(path)), { recursive: true });
    writeFileSync(dir.file(path), content);
  }
  const port = freePort();
  await using server = Bun.spawn(["node", dir.file(SERVER)], {
    env: { PATH: process.env["PATH"] ?? "", PORT: String(port), HOST: "127.0.0.1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  expect(await saysThatItListens(server.stdout)).toBe(true);
  const open = await openSession(port);
  using one = await open();
  using other = await open();
  await one.ask(READ_FILES);
  expect(await callsPerSecond([one, other], ECHO, 0.01)).toBeGreaterThan(0);
  expect(one.ask({ ...ECHO, expected: "Echo: bye" })).rejects.toThrow("not an answer");
});
