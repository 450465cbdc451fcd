// Requests that come while there is no server yet: a pull takes minutes, and nobody may fill the memory meanwhile.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import type { Front } from "../../../src/gateway/front/front.ts";
import { until } from "../support/conditions.ts";
import { localFront } from "../support/local-front.ts";

const MEBIBYTE = 1_048_576;

describe("before there is a server", () => {
  let front: Front;
  let handled = 0;
  let left = 0;
  beforeAll(() => {
    front = localFront({
      onRequest: ({ status }) => void (left += status === 499 ? 1 : 0),
    });
  });
  afterAll(() => front.close(0));

  test("long requests are told to come again once there are too many, and others are answered", async () => {
    const posts = await Promise.all(
      Array.from({ length: 200 }, () => post(front.port, Buffer.alloc(MEBIBYTE))),
    );
    const refused = () => posts.filter(({ answer }) => answer !== "");
    await until(() => refused().length >= 130);
    expect(refused()[0]?.answer).toMatch(/^HTTP\/1.1 503 [^]*retry-after: 5/i);
    expect((await fetch(`http://127.0.0.1:${front.port}/healthz`)).status).toBe(503);
    expect(refused().length).toBeLessThan(150);
    const held = posts.length - refused().length;
    for (const { socket } of posts) socket.destroy();
    await until(() => left === held);
    left = 0;
  });

  test("who has left is not answered when there is one, and makes room", async () => {
    const posts = await Promise.all(
      Array.from({ length: 60 }, () => post(front.port, Buffer.alloc(MEBIBYTE))),
    );
    for (const { socket } of posts) socket.destroy();
    const stays = await post(front.port, Buffer.from("{}"));
    await until(() => left >= posts.length);
    front.serve({
      async handle() {
        handled += 1;
        return new Response("served");
      },
      close: async () => {},
    });
    await until(() => stays.answer.includes("served"));
    expect(handled).toBe(1);
  });
});

/** Resolves when the request has been written. */
async function post(port: number, body: Buffer): Promise<{ socket: Socket; answer: string }> {
  const posted = { socket: connect(port, "127.0.0.1"), answer: "" };
  posted.socket.on("data", (bytes) => (posted.answer += bytes.toString()));
  posted.socket.on("error", () => {});
  const head = `POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`;
  posted.socket.write(head);
  posted.socket.write(body);
  await new Promise<void>((resolve) => posted.socket.once("connect", resolve));
  return posted;
}
