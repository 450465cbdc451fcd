import { describe, expect, test } from "bun:test";
import {
  claimsModern,
  refuseNotification,
  refuseRequest,
} from "../../../src/gateway/bridge/modern-request.ts";
import { parseEnvelope } from "../../../src/gateway/rpc/envelope.ts";

const REVISION = "2026-07-28";
const META = {
  "io.modelcontextprotocol/protocolVersion": REVISION,
  "io.modelcontextprotocol/clientCapabilities": {},
};
const CALL = { name: "echo", arguments: {}, _meta: META };
const HEADERS = {
  "mcp-protocol-version": REVISION,
  "mcp-method": "tools/call",
  "mcp-name": "echo",
};

type Record = { readonly [name: string]: unknown };

describe("refuseRequest", () => {
  test.each<[string, string, Record, Record]>([
    ["a call", "tools/call", CALL, HEADERS],
    ["a name in base64", "tools/call", CALL, { ...HEADERS, "mcp-name": "=?base64?ZWNobw==?=" }],
    [
      "a resource",
      "resources/read",
      { uri: "a:b", _meta: META },
      { ...HEADERS, "mcp-method": "resources/read", "mcp-name": "a:b" },
    ],
    [
      "a method without a name",
      "tools/list",
      { _meta: META },
      { ...HEADERS, "mcp-method": "tools/list" },
    ],
    [
      "a call without a name, which the server refuses",
      "tools/call",
      { _meta: META },
      { ...HEADERS, "mcp-name": null },
    ],
    [
      "a method like a member of Object",
      "constructor",
      { _meta: META },
      { ...HEADERS, "mcp-method": "constructor" },
    ],
  ])("lets %s pass", async (_what, method, params, headers) => {
    expect(await refusal(method, params, headers)).toBeUndefined();
  });

  test.each<[string, Record, Record, number]>([
    ["no _meta", { name: "echo" }, HEADERS, -32602],
    [
      "no capabilities",
      { name: "echo", _meta: { ...META, "io.modelcontextprotocol/clientCapabilities": null } },
      HEADERS,
      -32602,
    ],
    [
      "no revision in _meta",
      { name: "echo", _meta: { "io.modelcontextprotocol/clientCapabilities": {} } },
      HEADERS,
      -32602,
    ],
    ["no revision in the headers", CALL, { ...HEADERS, "mcp-protocol-version": null }, -32020],
    [
      "another revision in the headers",
      CALL,
      { ...HEADERS, "mcp-protocol-version": "2025-11-25" },
      -32020,
    ],
    ["no method in the headers", CALL, { ...HEADERS, "mcp-method": null }, -32020],
    ["another method in the headers", CALL, { ...HEADERS, "mcp-method": "tools/list" }, -32020],
    ["another case of the method", CALL, { ...HEADERS, "mcp-method": "Tools/Call" }, -32020],
    ["no name in the headers", CALL, { ...HEADERS, "mcp-name": null }, -32020],
    ["another name in the headers", CALL, { ...HEADERS, "mcp-name": "rm" }, -32020],
    ["a name in the headers only", { _meta: META }, HEADERS, -32020],
    ["a name in broken base64", CALL, { ...HEADERS, "mcp-name": "=?base64?ZWNobw?=" }, -32020],
  ])("refuses a call with %s", async (_what, params, headers, code) => {
    const refused = await refusal("tools/call", params, headers);
    expect(refused).toMatchObject({ status: 400, id: 1, error: { code } });
  });

  test("names the revisions that there are to whoever asks for another", async () => {
    const params = {
      ...CALL,
      _meta: { ...META, "io.modelcontextprotocol/protocolVersion": "2099-01-01" },
    };
    const headers = { ...HEADERS, "mcp-protocol-version": "2099-01-01" };
    expect(await refusal("tools/call", params, headers)).toMatchObject({
      status: 400,
      error: {
        code: -32022,
        data: { supported: [REVISION], requested: "2099-01-01" },
      },
    });
  });
});

describe("refuseNotification", () => {
  test.each([
    ["no headers", {}, undefined],
    ["its method in the headers", { "mcp-method": "notifications/x" }, undefined],
    ["another method in the headers", { "mcp-method": "notifications/y" }, 400],
    ["another revision in the headers", { "mcp-protocol-version": "2099-01-01" }, 400],
  ])("judges one with %s", (_what, headers, status) => {
    const message = parse({ method: "notifications/x", params: { _meta: META } });
    if (message.kind !== "notification") throw new Error("it is one");
    expect(refuseNotification(new Headers(headers), message)?.status).toBe(status);
  });
});

describe("claimsModern", () => {
  test.each<[string, Record, Record, boolean]>([
    ["by its _meta", { method: "tools/list", params: { _meta: META } }, {}, true],
    [
      "by a _meta of another revision",
      {
        method: "x",
        params: { _meta: { ...META, "io.modelcontextprotocol/protocolVersion": "1" } },
      },
      {},
      true,
    ],
    ["by its header", { method: "tools/list" }, HEADERS, true],
    ["by neither", { method: "tools/list" }, { "mcp-protocol-version": "2025-11-25" }, false],
    ["by a header on initialize", { method: "initialize", params: {} }, HEADERS, false],
    ["by initialize with a _meta", { method: "initialize", params: { _meta: META } }, {}, true],
  ])("a message claims it %s: %#", (_how, message, headers, claims) => {
    const parsed = parse({ id: 1, ...message });
    if (parsed.kind !== "request") throw new Error("it is one");
    expect(claimsModern(headersOf(headers), parsed)).toBe(claims);
  });
});

async function refusal(method: string, params: Record, headers: Record): Promise<unknown> {
  const message = parse({ id: 1, method, params });
  if (message.kind !== "request") throw new Error("it is one");
  const response = refuseRequest(headersOf(headers), message, [REVISION]);
  return response && { status: response.status, ...JSON.parse(await response.text()) };
}

function parse(message: Record) {
  return parseEnvelope(JSON.stringify({ jsonrpc: "2.0", ...message }));
}

function headersOf(headers: Record): Headers {
  const entries = Object.entries(headers).filter(([, value]) => value !== null);
  return new Headers(entries.map(([name, value]) => [name, String(value)]));
}
