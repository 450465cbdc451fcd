// The wish of somebody outside that this process ends.

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** Resolves with the first signal that asks for an end. Takes over the listeners that there are; a second one ends. */
export function endSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of SIGNALS) {
      // What nobody listens to is ignored on purpose. (nohup)
      if (process.listenerCount(signal) === 0) continue;
      const [impatient] = process.listeners(signal);
      process.removeAllListeners(signal);
      process.once(signal, () => {
        if (impatient !== undefined) process.on(signal, impatient);
        resolve(signal);
      });
    }
  });
}
