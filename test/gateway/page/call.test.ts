// The form that calls a tool, in a real browser: what it sends, and what it shows of what comes back.

import { afterAll, expect } from "bun:test";
import type { Page } from "playwright-core";
import { browserProblem, closeBrowser, visit } from "../../support/browser.ts";
import { unless } from "../../support/requirements.ts";
import { catalogueWith, openPageServer, type PageServerOptions } from "./page-server.ts";

const inBrowser = unless(browserProblem());
const BROWSER_MS = 60_000;
const NAME = "wetter für morgen";

afterAll(closeBrowser);

/** What the page shows after a click on the only tool's button. */
async function outcome(
  options: PageServerOptions,
  act: (page: Page) => Promise<void> = async () => {},
): Promise<string> {
  await using server = openPageServer({ calls: true, ...options });
  server.front.describe({ catalogue: catalogueWith({ tools: [{ name: NAME }] }) });
  await using visited = await visit(server.url);
  const { page } = visited;
  await page.locator("#tools summary").click();
  await page.getByRole("button", { name: "Call" }).click();
  await act(page);
  await page
    .locator(".result")
    .getByText(/Answered in|failed|Stopped/)
    .waitFor();
  return (await page.locator(".result").innerText()).replace(/\d+ ms/, "0 ms");
}

/** An endpoint that answers each request so. */
function endpointOf(handle: (request: Request) => Promise<Response>) {
  return { endpoint: { handle, close: async () => {} } };
}

inBrowser(
  "what a tool says of its own failure is told apart from a call that failed",
  async () => {
    const result = { isError: true, content: [{ type: "text", text: "no such city" }] };
    expect(await outcome({ result })).toMatch(
      /^The tool says that it failed \(0 ms\)\.\s+no such city$/,
    );
    const failing = endpointOf(async () =>
      Response.json({ jsonrpc: "2.0", id: 1, error: { code: -32603, message: "out of order" } }),
    );
    expect(await outcome(failing)).toBe("The call failed: out of order");
    const silent = endpointOf(async () => new Response("<h1>", { status: 502 }));
    expect(await outcome(silent)).toBe("The call failed: the server gave no answer (status 502)");
  },
  BROWSER_MS,
);

inBrowser(
  "an answer among other messages of a stream is found, and the stream left",
  async () => {
    let left = 0;
    const streaming = endpointOf(async (request) => {
      const { id, method } = JSON.parse(await request.text());
      if (id === undefined) return new Response(null, { status: 202 });
      const result = method === "initialize" ? { protocolVersion: "2025-11-25" } : { content: [] };
      const texts = [
        `: alive\n\ndata:\n\nevent: message\r\ndata: {"jsonrpc":"2.0","method":"notifications/x"}\r\n\r\n`,
        `data: {"jsonrpc":"2.0",\ndata: "id":${id},"result":${JSON.stringify(result)}}\n\n`,
      ];
      const body = new ReadableStream({
        start: (stream) => texts.forEach((text) => stream.enqueue(Buffer.from(text))),
        cancel: () => void (left += 1),
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    });
    const bothAreLeft = async () => {
      while (left < 2) await Bun.sleep(5);
    };
    expect(await outcome(streaming, bothAreLeft)).toMatch(/^Answered in 0 ms\./);
  },
  BROWSER_MS,
);

inBrowser(
  "a call that takes too long is stopped, and its session ended",
  async () => {
    const methods: string[] = [];
    const slow = endpointOf(async (request) => {
      methods.push(request.method);
      if (request.method === "DELETE") return new Response(null, { status: 204 });
      const { id, method } = JSON.parse(await request.text());
      if (method === "tools/call")
        await new Promise((_, reject) => (request.signal.onabort = reject));
      const headers = { "mcp-session-id": "s" };
      return Response.json({ jsonrpc: "2.0", id, result: {} }, { headers });
    });
    const stop = async (page: Page) => {
      await page.getByText("Calling…").waitFor();
      while (methods.length < 3) await Bun.sleep(5);
      await page.getByRole("button", { name: "Stop" }).click();
    };
    expect(await outcome(slow, stop)).toBe("Stopped.");
    expect(methods.at(-1)).toBe("DELETE");
  },
  BROWSER_MS,
);

inBrowser(
  "a server without sessions is called as it wants",
  async () => {
    const called: unknown[] = [];
    const modern = endpointOf(async (request) => {
      const { id, method, params } = JSON.parse(await request.text());
      if (method === "initialize") {
        const error = { code: -32022, message: "no", data: { supported: ["2026-07-28"] } };
        return Response.json({ jsonrpc: "2.0", id, error }, { status: 400 });
      }
      const { headers } = request;
      called.push(headers.get("mcp-protocol-version"), headers.get("mcp-name"), params.name);
      called.push(params._meta["io.modelcontextprotocol/protocolVersion"]);
      const result = { resultType: "complete", content: [{ type: "text", text: "sunny" }] };
      return Response.json({ jsonrpc: "2.0", id, result });
    });
    expect(await outcome(modern)).toMatch(/^Answered in 0 ms\.\s+sunny$/);
    const name = `=?base64?${Buffer.from(NAME).toString("base64")}?=`;
    expect(called).toEqual(["2026-07-28", name, NAME, "2026-07-28"]);
  },
  BROWSER_MS,
);
