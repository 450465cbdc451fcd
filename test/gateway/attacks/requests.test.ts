// Requests as no client of ours would write them, byte by byte.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import type { Front } from "../../../src/gateway/front/front.ts";
import { localFront } from "../support/local-front.ts";

const TOKEN = "canary-77e0c1";

describe.each([undefined, TOKEN])("with the token %p", (token) => {
  let front: Front;
  const handled: string[] = [];
  beforeAll(() => {
    front = localFront({ rules: { hosts: [], origins: [], token } });
    front.serve({
      async handle({ url }) {
        handled.push(url);
        return new Response("served");
      },
      close: async () => {},
    });
  });
  afterAll(() => front.close(0));

  test.each([
    ["no Host", "GET /healthz HTTP/1.0\r\n\r\n"],
    ["a Host of two words", "GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n"],
  ])("the health path is answered with %s", async (_, request) => {
    expect(await answerTo(front.port, request)).toMatch(/^HTTP\/1.[01] 503 [^]*"starting"/);
  });

  test.each([
    ["no Host", "POST /mcp HTTP/1.0\r\n"],
    ["a Host of two words", "POST /mcp HTTP/1.1\r\nHost: localhost evil.example\r\n"],
    ["a Host with a user", "POST /mcp HTTP/1.1\r\nHost: localhost@evil.example\r\n"],
    ["a Host with a path", "POST /mcp HTTP/1.1\r\nHost: evil.example/.localhost\r\n"],
    ["a Host with half a bracket", "POST /mcp HTTP/1.1\r\nHost: [::1\r\n"],
    ["a port that is none", "POST /mcp HTTP/1.1\r\nHost: localhost:99999999\r\n"],
    [
      "lengths of two kinds",
      "POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ],
    [
      "two lengths",
      "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
    ],
    ["a header that a line feed ends", "POST /mcp HTTP/1.1\r\nHost: localhost\r\nX: a\nY: b\r\n"],
  ])("refused is %s", async (_, head) => {
    const answer = await answerTo(
      front.port,
      `${head}Authorization: Bearer ${TOKEN}\r\n\r\n0\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.[01] 40[03] /);
    expect(handled).toEqual([]);
  });

  // Whoever shows a token may call the server what he likes.
  if (token !== undefined) return;
  test.each([
    ["a name in place of the address", "POST /mcp HTTP/1.1\r\nHost: evil.example\r\n"],
    ["another name in its target", "POST http://localhost/mcp HTTP/1.1\r\nHost: evil.example\r\n"],
    ["two Hosts", "POST /mcp HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n"],
  ])("refused is %s where no token is asked for", async (_, head) => {
    expect(await answerTo(front.port, `${head}Content-Length: 0\r\n\r\n`)).toMatch(/ 403 /);
    expect(handled).toEqual([]);
  });
});

/** Whatever comes until it stops coming. */
async function answerTo(port: number, request: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(request);
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.once("data", (bytes) => resolve(bytes.toString()));
  socket.once("close", () => resolve(""));
  const answer = await promise;
  socket.destroy();
  return answer;
}
