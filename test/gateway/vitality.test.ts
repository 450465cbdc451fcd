import { describe, expect, test } from "bun:test";
import type { GatewayEvent } from "../../src/gateway/events.ts";
import { createVitality } from "../../src/gateway/vitality.ts";

const CRASH: GatewayEvent = {
  type: "child-ended",
  pid: 1,
  purpose: "session",
  end: { reason: "exited with status 1", wanted: false },
};
const END: GatewayEvent = { ...CRASH, end: { reason: "exited with status 0", wanted: true } };
const PROBE_CRASH: GatewayEvent = { ...CRASH, purpose: "probe" };
const ANSWER: GatewayEvent = {
  type: "call-finished",
  unsafeMethod: "tools/call",
  milliseconds: 1,
  outcome: "answered",
};
const FAILURE: GatewayEvent = { ...ANSWER, outcome: "failed" };

const FAILING = {
  state: "failing",
  reason: "the server's processes keep ending: the last one exited with status 1",
};

describe("a server on stdio", () => {
  test.each<readonly [title: string, events: readonly GatewayEvent[], phases: readonly object[]]>([
    ["that crashes twice is let off", [CRASH, CRASH], []],
    ["that crashes three times in a row is failing", [CRASH, CRASH, CRASH], [FAILING]],
    ["is told as failing at each further crash", [CRASH, CRASH, CRASH, CRASH], [FAILING, FAILING]],
    ["that answers in between is not", [CRASH, CRASH, ANSWER, CRASH, CRASH], []],
    ["that answers with an error is no better", [CRASH, CRASH, FAILURE, CRASH], [FAILING]],
    [
      "recovers by an answer",
      [CRASH, CRASH, CRASH, ANSWER, ANSWER],
      [FAILING, { state: "serving" }],
    ],
    ["may be ended as often as its clients like", [END, END, END, END], []],
    ["may end at a question", [PROBE_CRASH, PROBE_CRASH, PROBE_CRASH], []],
  ])("%s", (_, events, phases) => {
    const vitality = createVitality();
    const seen = events
      .map((event) => vitality.observe(event))
      .filter((phase) => phase !== undefined);
    expect(seen as readonly object[]).toEqual(phases);
  });
});
