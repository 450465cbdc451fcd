// A signal to a process that may have ended by now.

/** Sends it; `target` is a process or, negative, a process group. To one that is gone it is sent in vain. */
export function sendSignal(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch {
    // Nobody of it is left.
  }
}
