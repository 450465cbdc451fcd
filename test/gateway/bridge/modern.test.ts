// Requests of 2026-07-28 that are answered at once, and those that are refused.

import { describe, expect, test } from "bun:test";
import {
  headersOf,
  META,
  modernServer,
  requestText,
  REVISION,
  serveModern,
  valueOf,
} from "./modern-support.ts";

/** Answers with the line that it got, and with more than JSON.parse can keep. */
const ECHO = `write('{"more":1.0,"result":{"big":9007199254740993,"line":' + JSON.stringify(line)
  + '},"id":' + JSON.stringify(id) + ',"jsonrpc":"2.0"}');`;

describe("a request", () => {
  test.each(["1", '"1"', "0", '""', "9007199254740993", '"\\u00e4 \\"x\\""'])(
    "with the id %s gets its answer under it, in one JSON text",
    async (id) => {
      await using modern = serveModern(modernServer(ECHO));
      const response = await modern.call("x/echo", { id });
      expect(response.headers.get("content-type")).toBe("application/json");
      const answer = await response.text();
      expect(answer).toStartWith('{"more":1.0,"result":{"big":9007199254740993,');
      expect(answer).toEndWith(`,"id":${id},"jsonrpc":"2.0"}`);
    },
  );

  test("reaches the server as it was written, but for its id and its token", async () => {
    await using modern = serveModern(modernServer(ECHO));
    const meta = JSON.stringify({ progressToken: 7, ...META });
    const params = `{"requestState":"a\\u002fb==","n":9007199254740993,"x":1.0,"_meta":${meta}}`;
    const body = `{ "jsonrpc":"2.0",\r\n  "id": 1, "method":"x/echo",\n "params":${params} }`;
    const response = await modern.post(body, headersOf("x/echo"));
    const { line } = JSON.parse(await response.text()).result;
    const { id } = JSON.parse(line);
    expect(line).toBe(
      body
        .replaceAll(/[\r\n]+/g, " ")
        .replace('"id": 1', `"id": "${id}"`)
        .replace('"progressToken":7', `"progressToken":"${id}"`),
    );
  });

  test("is answered to whoever asked it, though others use the same id", async () => {
    const held = `const { n } = params; held.push(() => text(id, n)); if (held.length === 20)
      for (const answer of held.reverse()) answer();`;
    await using modern = serveModern(modernServer(held, "const held = [];"));
    const asked = Array.from({ length: 20 }, async (_, n) =>
      valueOf(await modern.call("x/hold", { id: "1", params: { n } })),
    );
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });

  test("that needs more input is answered by what it needs, and sent again with it", async () => {
    const script = `params.inputResponses === undefined
      ? write('{"jsonrpc":"2.0","id":' + JSON.stringify(id) + ',"result":{"resultType":"input_required",'
        + '"requestState":"\\\\u0041 \\\\/","inputRequests":{"a":{"method":"roots/list"}}}}')
      : text(id, line);`;
    await using modern = serveModern(modernServer(script));
    const asked = await (await modern.call("tools/call", { params: { name: "t" } })).text();
    expect(asked).toContain(String.raw`"requestState":"\u0041 \/","inputRequests":{"a":`);
    const again = `{"name":"t","requestState":"\\u0041 \\/","inputResponses":{"a":{}},"_meta":${JSON.stringify(META)}}`;
    const body = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":${again}}`;
    const line = await valueOf(await modern.post(body, headersOf("tools/call", { name: "t" })));
    expect(line).toContain(`"params":${again}}`);
  });

  test.each([
    [-32601, 404],
    [-32600, 400],
    [-32021, 400],
    [-32602, 200],
    [-32603, 200],
    [-32000, 200],
  ])("that the server answers with the error %i has status %i", async (code, status) => {
    await using modern = serveModern(modernServer(`say({ id, error: { code: params.code } });`));
    const response = await modern.call("x/fail", { id: "5", params: { code } });
    expect(await response.json()).toEqual({ jsonrpc: "2.0", id: 5, error: { code } });
    expect(response.status).toBe(status);
  });

  test("of 2 MB and an answer of 20 MB pass", async () => {
    const script = `text(id, params.big.length + "x".repeat(20e6));`;
    await using modern = serveModern(modernServer(script), { maxBodyBytes: 3e6 });
    const params = { big: '\u00e4\\"'.repeat(300_000) };
    expect(await valueOf(await modern.call("x/big", { params }))).toBe(`900000${"x".repeat(20e6)}`);
  });
});

describe("refused are", () => {
  const CALL = requestText("x/echo", "1");
  const HEADERS = headersOf("x/echo");

  test.each<[string, string, Record<string, string>, number, number]>([
    ["a batch", `[${CALL}]`, {}, 400, -32600],
    ["an answer", '{"jsonrpc":"2.0","id":1,"result":{}}', {}, 400, -32600],
    ["what is no JSON", '{"jsonrpc"', {}, 400, -32700],
    ["what is no message", '{"id":1}', {}, 400, -32600],
    ["a member twice", CALL.replace('"id":1', '"id":1,"id":2'), {}, 400, -32600],
    ["a member in capitals, too", CALL.replace('"id":1', '"ID":2,"id":1'), {}, 400, -32600],
    ["another media type", CALL, { "content-type": "text/plain" }, 415, -32000],
    ["a client that takes no streams", CALL, { accept: "application/json" }, 406, -32000],
    ["a body that is too long", CALL.padEnd(1_048_577), {}, 413, -32000],
    ["another method in the headers", CALL, { "mcp-method": "x/other" }, 400, -32020],
  ])("%s", async (_what, body, headers, status, code) => {
    await using server = modernServer(ECHO);
    await using modern = serveModern(server);
    const response = await modern.post(body, { ...HEADERS, ...headers });
    expect(await response.json()).toMatchObject({ error: { code } });
    expect(response.status).toBe(status);
    expect(server.children).toEqual([]);
  });

  test.each(["GET", "DELETE", "PUT"])("%s, which earlier revisions may know", async (method) => {
    await using modern = serveModern(modernServer(ECHO));
    const response = await fetch(modern.url, { method });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
  });
});

describe("a notification", () => {
  const COUNT = `if (method === "x/heard") text(id, heard); else heard.push(method);`;

  test("is accepted and passed on, unless it would concern other clients", async () => {
    await using modern = serveModern(modernServer(COUNT, "const heard = [];"));
    for (const method of ["notifications/x", "notifications/cancelled", "notifications/y"]) {
      const params = { requestId: 1, _meta: META };
      const body = JSON.stringify({ jsonrpc: "2.0", method, params });
      const response = await modern.post(body, { "mcp-protocol-version": REVISION });
      expect([response.status, await response.text()]).toEqual([202, ""]);
    }
    expect(await valueOf(await modern.call("x/heard"))).toEqual([
      "notifications/x",
      "notifications/y",
    ]);
  });
});
