// Conditions that a test waits for.

/** Waits until it holds; the test's own time limit ends the waiting. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(5);
}

/** Waits until a value has not changed for a while, and returns it. */
export async function settled(value: () => number): Promise<number> {
  for (let last = Number.NaN; ;) {
    const now = value();
    if (now === last) return now;
    last = now;
    await Bun.sleep(300);
  }
}

/** Whether there is such a process, be it only one that nobody has asked for its status. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
