// Requests on their way to a server that all clients share: none is written while the server does not take what came
// before, so that each can still be taken back. Does not look into them.

import type { ServerProcess } from "../server-process.ts";

/** Of lines that wait until the server reads. */
const MAX_WAITING_CHARACTERS = 33_554_432;

export class Outbox {
  readonly #server: ServerProcess;
  /** Lines by their ids, in order. */
  readonly #waiting = new Map<string, string>();
  #characters = 0;
  #isFull = false;

  constructor(server: ServerProcess) {
    this.#server = server;
  }

  /** The server has not taken what it was sent. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** So much waits until it does that nothing more may. */
  get isOverfull(): boolean {
    return this.#characters > MAX_WAITING_CHARACTERS;
  }

  add(id: string, line: string): void {
    this.#waiting.set(id, line);
    this.#characters += line.length;
    this.#flush();
  }

  /** False where it has been sent. */
  takeBack(id: string): boolean {
    this.#characters -= this.#waiting.get(id)?.length ?? 0;
    return this.#waiting.delete(id);
  }

  clear(): void {
    this.#waiting.clear();
    this.#characters = 0;
  }

  #flush(): void {
    for (const [id, line] of this.#waiting) {
      if (this.#isFull) return;
      this.takeBack(id);
      const taken = this.#server.send(line);
      if (taken === undefined) continue;
      this.#isFull = true;
      void taken.then(() => {
        this.#isFull = false;
        this.#flush();
      });
    }
  }
}
