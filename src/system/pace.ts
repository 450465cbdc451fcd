// Long work in one thread, interrupted often enough that a signal is heard and other work goes on.

import { setImmediate as nextTurn } from "node:timers/promises";

/** A signal must end the runner within a second, and threads wait for what the main one feeds them. */
const WORK_MS = 10;
/** Looking at the clock costs as much as a small step of work. */
const STEPS_PER_LOOK = 64;

export class Pace {
  #steps = 0;
  #worksSince = performance.now();

  /** Counts a step of work; true when it is time to `rest`. */
  isDue(): boolean {
    this.#steps += 1;
    return this.#steps % STEPS_PER_LOOK === 0 && performance.now() - this.#worksSince > WORK_MS;
  }

  /** Lets everything that is waiting have its turn. */
  async rest(): Promise<void> {
    await nextTurn();
    this.#worksSince = performance.now();
  }
}
