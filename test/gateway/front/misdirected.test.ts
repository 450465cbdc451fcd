// Requests that come to the wrong place, under the wrong name or too early: what whoever made them reads.

import { describe, expect, test } from "bun:test";
import type { Endpoint } from "../../../src/gateway/endpoint.ts";
import type { Front } from "../../../src/gateway/front/front.ts";
import { listen } from "../../../src/gateway/front/listen.ts";
import { localFront } from "../support/local-front.ts";

type Opened = AsyncDisposable & {
  readonly front: Front;
  readonly refusals: readonly string[];
  ask(path: string, init?: RequestInit): Promise<Response>;
};

/** One that has nothing to serve yet. */
function open(rules: { readonly token?: string } = {}): Opened {
  const refusals: string[] = [];
  const front = localFront({
    healthPath: "/health",
    rules: { hosts: [], origins: [], onRefused: (why) => refusals.push(why), ...rules },
  });
  return {
    front,
    refusals,
    ask: (path, init) => fetch(`http://127.0.0.1:${front.port}${path}`, init),
    [Symbol.asyncDispose]: () => front.close(0),
  };
}

test.each([
  ["127.0.0.1", "another program listens there already"],
  ["203.0.113.9", "this machine has no such address; MCP_HOST"],
])("a port of %s that cannot be opened is told with the reason", async (hostname, reason) => {
  using taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  expect(() => listen({ hostname, port: taken.port, answer: async () => undefined })).toThrow(
    `port ${taken.port} of ${hostname} cannot be opened: ${reason}`,
  );
});

function saying(text: string, paths: readonly string[] = []): Endpoint {
  return {
    handle: async () => new Response(text),
    claims: (path) => paths.includes(path),
    close: async () => {},
  };
}

const BROWSER = { accept: "text/html,application/xhtml+xml" };

describe("a path that nothing is at", () => {
  test.each(["/", "/sse", "/mcp/", "/messages?session=1"])(
    "is answered at %s with the endpoint's",
    async (path) => {
      await using opened = open();
      opened.front.serve(saying("served"));
      const response = await opened.ask(path, { method: "POST", body: "{}" });
      expect(response.status).toBe(404);
      const [asked = ""] = path.split("?");
      expect(await response.text()).toBe(
        `There is nothing at ${asked}: the MCP endpoint of this server is /mcp.\n`,
      );
    },
  );

  test("is not quoted at any length", async () => {
    await using opened = open();
    opened.front.serve(saying("served"));
    const response = await opened.ask(`/${"a".repeat(5_000)}`);
    expect((await response.text()).length).toBeLessThan(200);
  });
});

describe("before it is known what is served", () => {
  test("a request to a path that may be the server's waits, and then is the server's", async () => {
    await using opened = open();
    const asked = opened.ask("/sse");
    // Another one has been answered, so this one has come as well.
    await opened.ask("/health");
    opened.front.serve(saying("its own stream", ["/sse"]));
    expect(await (await asked).text()).toBe("its own stream");
  });

  test("one to a path that turns out to be nobody's is told so", async () => {
    await using opened = open();
    const asked = opened.ask("/sse");
    await opened.ask("/health");
    opened.front.serve(saying("served"));
    expect((await asked).status).toBe(404);
  });

  test("one without the token does not wait", async () => {
    await using opened = open({ token: "canary-0c6e1b7d" });
    expect((await opened.ask("/sse")).status).toBe(404);
    expect((await opened.ask("/mcp")).status).toBe(401);
  });
});

describe("a name that the server is not known by", () => {
  const headers = { host: "mcp.example.com" };

  test("is refused with the setting that allows it, which its owner is told as well", async () => {
    await using opened = open();
    const response = await opened.ask("/mcp", { headers });
    expect(response.status).toBe(403);
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error.message).toContain("ALLOWED_HOSTS=mcp.example.com");
    expect(opened.refusals).toEqual([error.message]);
  });

  test("is refused in a browser with a sentence, not with JSON", async () => {
    await using opened = open();
    const response = await opened.ask("/", { headers: { ...headers, ...BROWSER } });
    expect(response.status).toBe(403);
    expect(response.headers.get("content-type")).toStartWith("text/plain");
    expect(await response.text()).toStartWith('This server is not known as "mcp.example.com".');
  });
});

test.each([
  ["that shows none", undefined, /send the header `Authorization: Bearer TOKEN`.*AUTH_TOKEN/],
  ["that leaves out Bearer", "canary-0c6e1b7d", /send the header `Authorization: Bearer TOKEN`/],
  ["that shows another one", "Bearer canary-0c6e1b7e", /The token .* is not this server's/],
])("a client %s is told what is wrong with its token", async (_, authorization, sentence) => {
  await using opened = open({ token: "canary-0c6e1b7d" });
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  const response = await opened.ask("/mcp", { headers });
  expect(response.status).toBe(401);
  const { error } = (await response.json()) as { error: { message: string } };
  expect(error.message).toMatch(sentence);
  expect(error.message).not.toContain("canary");
});

test("the health path tells a stranger where a token is wanted whether, and a holder what", async () => {
  await using opened = open({ token: "canary-0c6e1b7d" });
  const failure = {
    stage: "fetch-config",
    code: "IMAGE_NOT_FOUND",
    message: "of canary",
    hint: "",
  };
  opened.front.tell({ state: "failed", failure });
  expect(await (await opened.ask("/health")).json()).toEqual({ status: "failed" });
  const headers = { authorization: "Bearer canary-0c6e1b7d" };
  const holders = await opened.ask("/health", { headers });
  expect(holders.status).toBe(503);
  expect(await holders.json()).toEqual({ status: "failed", ...failure });
});
