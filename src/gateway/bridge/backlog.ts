// What a server said to a client that was not listening: a few messages, for when it is.

import type { Envelope, RpcId } from "../rpc/envelope.ts";

const MAX_MESSAGES = 256;
const MAX_CHARACTERS = 1_048_576;

export class Backlog {
  #messages: Envelope[] = [];
  #characters = 0;

  get isEmpty(): boolean {
    return this.#messages.length === 0;
  }

  /** Keeps it, and returns the ids of those requests among the oldest that had to be dropped for it. */
  add(message: Envelope): readonly RpcId[] {
    this.#messages.push(message);
    this.#characters += message.text.length;
    const dropped: RpcId[] = [];
    while (this.#messages.length > MAX_MESSAGES || this.#characters > MAX_CHARACTERS) {
      const oldest = this.#messages.shift();
      this.#characters -= oldest?.text.length ?? 0;
      if (oldest?.kind === "request") dropped.push(oldest.id);
    }
    return dropped;
  }

  /** All that is there, the oldest first, which is not there any more then. */
  takeAll(): readonly Envelope[] {
    const messages = this.#messages;
    this.#messages = [];
    this.#characters = 0;
    return messages;
  }
}
