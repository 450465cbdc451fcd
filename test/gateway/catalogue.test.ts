import { describe, expect, test } from "bun:test";
import { openBridge } from "../../src/gateway/bridge/bridge.ts";
import { readCatalogue } from "../../src/gateway/catalogue.ts";
import type { Catalogue } from "../../src/gateway/status.ts";
import { scriptServer } from "./bridge/script-server.ts";

const LIMITS = {
  maxSessions: 4,
  sessionIdleMs: 60_000,
  sessionMaxAgeMs: 60_000,
  maxBodyBytes: 1_000_000,
  maxLineBytes: 1_000_000,
  startTimeoutMs: 10_000,
};

describe("what a server says of itself", () => {
  test("in a session, with all pages of its lists and nothing of those that it does not offer", async () => {
    const catalogue = await catalogueOf(`serve(({ id, method, params }) => {
      if (method === "initialize") say({ method: "notifications/message", params: { data: "hello" } });
      if (method === "initialize") say({ id, result: {
        protocolVersion: "2025-06-18",
        capabilities: { tools: {}, prompts: {} },
        serverInfo: { name: "plain", title: "A Title", version: "1.2" },
        instructions: "Ask nicely.",
      } });
      else if (method === "tools/list" && params.cursor === undefined)
        say({ id, result: { tools: [{ name: "one" }], nextCursor: "next" } });
      else if (method === "tools/list") say({ id, result: { tools: [{ name: params.cursor }] } });
      else if (method === "prompts/list") say({ id, result: { prompts: "none" } });
      else if (id !== undefined) say({ id, error: { code: -32601, message: "unknown" } });
    })`);
    expect(catalogue).toEqual({
      unsafeName: "A Title",
      unsafeVersion: "1.2",
      protocolVersions: ["2025-06-18"],
      unsafeInstructions: "Ask nicely.",
      tools: [{ name: "one" }, { name: "next" }],
      resources: [],
      prompts: [],
    });
  });

  test("without a session, where it knows none", async () => {
    const catalogue = await catalogueOf(`serve(({ id, method }) => {
      const _meta = { "io.modelcontextprotocol/serverInfo": { name: "new", version: "3" } };
      if (method === "server/discover")
        say({ id, result: { _meta, supportedVersions: ["2026-07-28"], capabilities: { tools: {} } } });
      else if (method === "tools/list") say({ id, result: { tools: [{ name: "only" }] } });
      else say({ id, error: { code: -32022, message: "no", data: { supported: ["2026-07-28"] } } });
    })`);
    expect(catalogue).toMatchObject({
      unsafeName: "new",
      unsafeVersion: "3",
      protocolVersions: ["2026-07-28"],
      tools: [{ name: "only" }],
    });
  });

  test("a server that pages for ever is not listed for ever", async () => {
    const { tools } = await catalogueOf(`serve(({ id, method }) => {
      if (method === "initialize")
        say({ id, result: { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: {} } });
      else if (method === "tools/list") say({ id, result: { tools: [1], nextCursor: "again" } });
      else if (id !== undefined) say({ id, error: { code: -32601, message: "unknown" } });
    })`);
    expect(tools).toHaveLength(20);
  });

  test("a server that refuses is told", () => {
    const script = `serve(({ id }) => say({ id, error: { code: -32603, message: "no" } }))`;
    expect(catalogueOf(script)).rejects.toThrow("initialize was answered with");
  });
});

async function catalogueOf(script: string): Promise<Catalogue> {
  await using server = scriptServer(script);
  const bridge = openBridge({ start: server.start, limits: LIMITS });
  try {
    return await readCatalogue(bridge, "/mcp");
  } finally {
    await bridge.close(0);
  }
}
