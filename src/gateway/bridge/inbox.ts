// Bodies on their way to one server: none is read while the server does not take what came before, and of long ones
// one at a time, so that what a client sends in vain stays with the client. Does not look into them.

import { readBody } from "../http/body.ts";
import type { ServerProcess } from "../server-process.ts";
import { comeAgain } from "./refusals.ts";

/** Bytes of a body that is long. */
const LONG_BYTES = 262_144;
/** Requests that wait: Bun itself reads the beginning of each one's body. */
const MAX_WAITING = 64;

export class Inbox {
  readonly #server: ServerProcess;
  readonly #maxBytes: number;
  #waiting = 0;
  /** Pending while a long body comes in. */
  #reading: Promise<unknown> | undefined;
  /** Pending while the server's pipe is full. */
  #writing: Promise<void> | undefined;

  constructor(server: ServerProcess, maxBytes: number) {
    this.#server = server;
    this.#maxBytes = maxBytes;
  }

  /** The body's text when it is its turn, or the response that refuses it. */
  async read(request: Request): Promise<string | Response> {
    const isLong = !(Number(request.headers.get("content-length") ?? "Infinity") <= LONG_BYTES);
    if (this.#obstacle(isLong) !== undefined && this.#waiting >= MAX_WAITING) {
      return comeAgain("The server does not take what it is sent.");
    }
    this.#waiting++;
    for (let obstacle; (obstacle = this.#obstacle(isLong)) !== undefined;) await obstacle;
    this.#waiting--;
    const reading = readBody(request, this.#maxBytes);
    if (!isLong) return await reading;
    this.#reading = reading;
    const text = await reading;
    this.#reading = undefined;
    return text;
  }

  /** Passes a line on. The promise is pending while the server does not take it. */
  send(line: string): void | Promise<void> {
    const writing = this.#server.send(line);
    if (writing === undefined) return;
    this.#writing = writing;
    return writing.then(() => {
      if (this.#writing === writing) this.#writing = undefined;
    });
  }

  /** Pending while the server does not take what it has been sent. */
  async taken(): Promise<void> {
    await this.#writing;
  }

  #obstacle(isLong: boolean): Promise<unknown> | undefined {
    return this.#writing ?? (isLong ? this.#reading : undefined);
  }
}
