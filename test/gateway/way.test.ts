import { describe, expect, test } from "bun:test";
import { PORT_LABEL, TRANSPORT_LABEL, wayOf, type Evidence } from "../../src/gateway/way.ts";

const NOTHING: Evidence = {
  asked: "auto",
  port: 7860,
  guarded: false,
  labels: {},
  variables: ["PATH", "HOME"],
  exposedPorts: [],
};

describe("how clients reach a server", () => {
  test.each<readonly [title: string, evidence: Partial<Evidence>, way: object]>([
    ["nothing is known", {}, { kind: "watch", reason: "the image exposes no port" }],
    ["PORT is exposed", { exposedPorts: ["7860/tcp"] }, { kind: "hand-over" }],
    ["one other port is exposed", { exposedPorts: ["8000/tcp"] }, { kind: "proxy", port: 8000 }],
    ["a port without its protocol", { exposedPorts: ["8000"] }, { kind: "proxy", port: 8000 }],
    ["several are exposed", { exposedPorts: ["8000/tcp", "9000/tcp"] }, { kind: "watch" }],
    ["only udp is exposed", { exposedPorts: ["53/udp"] }, { kind: "watch" }],
    ["a range is exposed", { exposedPorts: ["8000-8010/tcp"] }, { kind: "watch" }],
    ["no number", { exposedPorts: ["99999/tcp", "0/tcp", "-1", ""] }, { kind: "watch" }],
    ["the image sets PORT", { variables: ["PORT"] }, { kind: "hand-over" }],
    ["the image sets FASTMCP_PORT", { variables: ["A", "FASTMCP_PORT"] }, { kind: "hand-over" }],
    [
      "a variable is stronger than an exposed port",
      { variables: ["PORT"], exposedPorts: ["8000/tcp"] },
      { kind: "hand-over" },
    ],
    [
      "a label is stronger than a variable",
      { variables: ["PORT"], labels: { [TRANSPORT_LABEL]: "stdio" } },
      { kind: "bridge" },
    ],
    ["the label says http", { labels: { [TRANSPORT_LABEL]: "http" } }, { kind: "hand-over" }],
    [
      "the labels say http and a port",
      { labels: { [TRANSPORT_LABEL]: "http", [PORT_LABEL]: "9000" } },
      { kind: "proxy", port: 9000 },
    ],
    ["the label says nothing known", { labels: { [TRANSPORT_LABEL]: "smtp" } }, { kind: "watch" }],
    ["TARGET_PORT", { targetPort: 3000 }, { kind: "proxy", port: 3000 }],
    ["TARGET_PORT that is PORT", { targetPort: 7860 }, { kind: "hand-over" }],
    ["http is asked for", { asked: "http", exposedPorts: ["8000"] }, { kind: "hand-over" }],
    ["http and TARGET_PORT", { asked: "http", targetPort: 3000 }, { kind: "proxy", port: 3000 }],
    [
      "a token that PORT's server would not ask for",
      { variables: ["PORT"], guarded: true },
      { kind: "guard" },
    ],
    [
      "a token where the runner stays",
      { exposedPorts: ["8000"], guarded: true },
      { kind: "proxy" },
    ],
    ["stdio is asked for", { asked: "stdio", variables: ["PORT"] }, { kind: "bridge" }],
  ])("%s", (_, evidence, way) => {
    expect(wayOf({ ...NOTHING, ...evidence })).toMatchObject(way);
  });

  test("every way has a reason", () => {
    expect(wayOf({ ...NOTHING, variables: ["MCP_PORT"] }).reason).toBe(
      "the image sets MCP_PORT, so its server reads it",
    );
  });
});
