import { describe, expect, test } from "bun:test";
import { askHealth } from "../../src/launch/health.ts";

interface Routes {
  readonly [methodAndPath: string]: () => Response;
}

async function ask(routes: Routes, host = "127.0.0.1") {
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) =>
      routes[`${request.method} ${new URL(request.url).pathname}`]?.() ??
      new Response("unknown", { status: 404 }),
  });
  return await askHealth({
    host,
    port: server.port ?? 0,
    healthcheckPath: "/health",
    mcpPath: "/mcp",
    timeoutMs: 2_000,
  });
}

const rpcError = JSON.stringify({
  jsonrpc: "2.0",
  id: null,
  error: { code: -32000, message: "x" },
});

describe("askHealth", () => {
  test("a health path that answers is enough", async () => {
    const answer = await ask({ "GET /health": () => new Response("ok") });
    expect(answer).toEqual({ alive: true, reason: "/health answered 200" });
  });

  test("a health path that says no is believed, whatever MCP says", async () => {
    const answer = await ask({
      "GET /health": () => new Response("starting", { status: 503 }),
      "POST /mcp": () => new Response(rpcError),
    });
    expect(answer).toEqual({ alive: false, reason: "/health answered 503" });
  });

  test("what the runner's own health path tells is passed on, and nothing that moves a cursor", async () => {
    const body = { status: "failing", reason: "it exited\u001b[2J with status 1" };
    const answer = await ask({ "GET /health": () => Response.json(body, { status: 503 }) });
    expect(answer.reason).toMatch(/^\/health answered 503: failing, it exited.*with status 1$/);
    expect(answer.reason).not.toContain("\u001b");
  });

  test.each([
    ["a JSON-RPC answer", () => new Response(rpcError, { status: 400 })],
    [
      "a JSON-RPC answer in an event stream that stays open",
      () =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue(`event: message\ndata: ${rpcError}\n\n`),
          }),
          { headers: { "content-type": "text/event-stream" } },
        ),
    ],
  ])("where the health path is unknown, %s at the MCP path is enough", async (_, respond) => {
    expect(await ask({ "POST /mcp": respond })).toEqual({ alive: true, reason: "/mcp speaks MCP" });
  });

  test("an SSE server is alive when its stream opens", async () => {
    const answer = await ask({
      "GET /mcp": () =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue("event: endpoint\ndata: /messages\n\n"),
          }),
          { headers: { "content-type": "text/event-stream" } },
        ),
    });
    expect(answer.alive).toBe(true);
  });

  test("any other web server is not the MCP server", async () => {
    const answer = await ask({ "POST /mcp": () => new Response("<html>hello</html>") });
    expect(answer).toEqual({
      alive: false,
      reason: "/health answered 404 and /mcp does not speak MCP",
    });
  });

  test.each(["0.0.0.0", "localhost"])(
    "a server that binds %s is asked on loopback",
    async (host) => {
      expect((await ask({ "GET /health": () => new Response("ok") }, host)).alive).toBe(true);
    },
  );

  test("nobody there is not alive", async () => {
    const server = Bun.serve({ port: 0, fetch: () => new Response() });
    const port = server.port ?? 0;
    await server.stop(true);
    const question = {
      host: "::",
      port,
      healthcheckPath: "/health",
      mcpPath: "/mcp",
      timeoutMs: 500,
    };
    expect(await askHealth(question)).toEqual({
      alive: false,
      reason: `nothing listens on [::1]:${port}`,
    });
  });
});
