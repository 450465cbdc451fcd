// Arguments that have to be repeated in headers, as the server's list of tools says at the time.

import { describe, expect, test } from "bun:test";
import {
  modernServer,
  type ServedModern,
  serveModern,
  SUBSCRIPTION,
  valueOf,
} from "./modern-support.ts";

/** `x/annotate` has the tool's argument be repeated in another header, and says so or does not. */
const SCRIPT = `
  if (method === "tools/call") return text(id, params.arguments);
  tools = [tool(params.header)];
  if (params.tells) for (const [name] of subscribed)
    say({ method: "notifications/tools/list_changed", params: { _meta: { "${SUBSCRIPTION}": name } } });
  text(id, 1);`;
const TOOL = `const tool = (header) => ({ name: "query", inputSchema: { type: "object",
  properties: { region: { type: "string", "x-mcp-header": header } } } });
  tools = [tool("Region")];`;
const ARGUMENTS = { region: "eu" };

describe("a call of a tool with an annotated argument", () => {
  test.each([
    ["that its header repeats", 200, { "mcp-param-region": "eu" }],
    ["that its header repeats in base64", 200, { "mcp-param-region": "=?base64?ZXU=?=" }],
    ["that no header repeats", 400, {}],
    ["that its header denies", 400, { "mcp-param-region": "us" }],
  ])("%s has status %i", async (_how, status, headers) => {
    await using modern = serveModern(modernServer(SCRIPT, TOOL));
    const response = await query(modern, headers);
    expect(response.status).toBe(status);
    const { result, error } = JSON.parse(await response.text());
    expect(result?.value ?? error.code).toEqual(status === 200 ? ARGUMENTS : -32020);
  });

  test("is judged by the list as it is after the server has told of a change", async () => {
    await using modern = serveModern(modernServer(SCRIPT, TOOL));
    expect((await query(modern, { "mcp-param-region": "eu" })).status).toBe(200);
    await valueOf(await modern.call("x/annotate", { params: { header: "Area", tells: true } }));
    expect((await query(modern, { "mcp-param-region": "eu" })).status).toBe(400);
    expect((await query(modern, { "mcp-param-area": "eu" })).status).toBe(200);
  });
});

describe("a call that seems wrong", () => {
  test("is judged again by the list as it is now, which may have changed without a word", async () => {
    await using modern = serveModern(modernServer(SCRIPT, TOOL));
    expect((await query(modern, { "mcp-param-region": "eu" })).status).toBe(200);
    await valueOf(await modern.call("x/annotate", { params: { header: "Area" } }));
    expect((await query(modern, { "mcp-param-area": "eu" })).status).toBe(200);
    expect((await query(modern, { "mcp-param-region": "eu" })).status).toBe(400);
  });
});

describe("a call", () => {
  test("of a tool that nobody has heard of is left to the server", async () => {
    await using modern = serveModern(modernServer(SCRIPT, TOOL));
    const response = await modern.call("tools/call", { params: { name: "other", arguments: {} } });
    expect(response.status).toBe(200);
  });

  test("of a server whose list is in pages is judged by all of them", async () => {
    const paged = `if (method === "tools/list") {
      const { cursor } = params;
      return say({ id, result: { tools: cursor ? tools : [], ...(cursor === "b" ? {} : { nextCursor: cursor ? "b" : "a" }) } });
    }`;
    const script = `${TOOL} const whole = base; const paged = ({ id, method, params }) => { ${paged} return false; };`;
    const server = modernServer(
      SCRIPT,
      `${script} base = (m) => m.method === "tools/list" ? (paged(m), true) : whole(m);`,
    );
    await using modern = serveModern(server);
    expect((await query(modern, {})).status).toBe(400);
  });
});

function query(modern: ServedModern, headers: Readonly<Record<string, string>>): Promise<Response> {
  return modern.call("tools/call", { params: { name: "query", arguments: ARGUMENTS }, headers });
}
