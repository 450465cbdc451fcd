import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { speaks } from "../../../src/gateway/bridge/eras.ts";
import type { GatewayEvent } from "../../../src/gateway/events.ts";

import { tempDir } from "../../support/temp-dir.ts";
import { type ScriptServer, scriptServer } from "./script-server.ts";

const INFO = { name: "fixture", version: "3" };

/** Lines of a server, each answering one of the two questions. */
const ANSWERS = {
  discover: `if (message.method === "server/discover") say({ id: message.id, result: {
    resultType: "complete", supportedVersions: ["2026-07-28"], capabilities: { tools: {} },
    instructions: "be kind", _meta: { "io.modelcontextprotocol/serverInfo": ${JSON.stringify(INFO)} } } });`,
  initialize: `if (message.method === "initialize") say({ id: message.id, result: {
    protocolVersion: "2025-06-18", capabilities: { logging: {} }, serverInfo: ${JSON.stringify(INFO)} } });`,
  refuseDiscover: `if (message.method === "server/discover")
    say({ id: message.id, error: { code: -32601, message: "Method not found" } });`,
  nameRevisions: `say({ id: message.id, error: { code: -32022, message: "no",
    data: { supported: ["2027-01-01", "2025-11-25"] } } });`,
  exitAtDiscover: `if (message.method === "server/discover") process.exit(3);`,
};
const MODERN = {
  unsafeServerInfo: INFO,
  unsafeCapabilities: { tools: {} },
  unsafeInstructions: "be kind",
};
const LEGACY = { unsafeServerInfo: INFO, unsafeCapabilities: { logging: {} } };

describe("speaks", () => {
  test.each([
    ["both", [ANSWERS.discover, ANSWERS.initialize], ["2026-07-28"], ["2025-06-18"], MODERN],
    ["2026 alone", [ANSWERS.discover], ["2026-07-28"], [], MODERN],
    ["2025, an error", [ANSWERS.refuseDiscover, ANSWERS.initialize], [], ["2025-06-18"], LEGACY],
    ["2025, silence", [ANSWERS.initialize], [], ["2025-06-18"], LEGACY],
    ["2025, its end", [ANSWERS.exitAtDiscover, ANSWERS.initialize], [], ["2025-06-18"], LEGACY],
    ["revisions in an error", [ANSWERS.nameRevisions], ["2027-01-01"], [], {}],
  ] as const)(
    "tells of a server that answers %s",
    async (_what, answers, modern, legacy, account) => {
      await using server = serverOf(answers);
      const eras = await speaks(server.start, { timeoutMs: 60_000 });
      expect(eras).toEqual({ modern: [...modern], legacy: [...legacy], ...account });
    },
  );

  test("says why a server that speaks neither does not", async () => {
    await using ending = scriptServer("process.exit(4)");
    expect(await speaks(ending.start, { timeoutMs: 60_000 })).toEqual({
      modern: [],
      legacy: [],
      problem: "it exited with status 4 instead of answering to initialize",
      problemKind: "ended",
    });
    await using silent = serverOf([]);
    expect(await speaks(silent.start, { timeoutMs: 300 })).toMatchObject({
      problem: "it gave no answer to initialize",
      problemKind: "silent",
    });
  });

  test("asks once more, and alone, where a server ended beside another", async () => {
    using dir = tempDir();
    const tried = JSON.stringify(dir.file("tried"));
    await using server = serverOf([
      ANSWERS.discover,
      `const fs = require("node:fs"), isFirst = !fs.existsSync(${tried});`,
      `if (message.method === "initialize" && isFirst) { fs.writeFileSync(${tried}, ""); process.exit(1); }`,
      ANSWERS.initialize,
    ]);
    const eras = await speaks(server.start, { timeoutMs: 60_000 });
    expect(eras).toMatchObject({ modern: ["2026-07-28"], legacy: ["2025-06-18"] });
    expect(server.children.length).toBe(3);
  });

  test("passes over what a server prints before its answer, and tells it", async () => {
    await using server = serverOf([`write("Server started on stdio");`, ANSWERS.initialize]);
    const events: GatewayEvent[] = [];
    const onEvent = (event: GatewayEvent) => void events.push(event);
    expect(await speaks(server.start, { timeoutMs: 60_000, onEvent })).toMatchObject({
      legacy: ["2025-06-18"],
    });
    expect(events).toContainEqual({
      type: "line-dropped",
      pid: expect.any(Number),
      unsafeLine: "Server started on stdio",
    });
  });

  test("leaves no process behind", async () => {
    await using server = serverOf([ANSWERS.discover, ANSWERS.initialize]);
    await speaks(server.start, { timeoutMs: 60_000 });
    expect(server.children.length).toBe(2);
    await Promise.all(server.children.map(({ ended }) => ended));
    for (const { pid } of server.children) expect(existsSync(`/proc/${pid}`)).toBe(false);
  });
});

function serverOf(answers: readonly string[]): ScriptServer {
  return scriptServer(`serve((message) => { ${answers.join("\n")} });`);
}
