// What must be undone on every way out: private directories, children. A way out may be a signal, so every action
// is synchronous and short.

type Action = () => void;

const actions = new Set<Action>();

/** Registers an action for the way out; disposing the result runs it early, once. */
export function onExit(action: Action): Disposable {
  actions.add(action);
  return {
    [Symbol.dispose]() {
      if (actions.delete(action)) action();
    },
  };
}

/** Runs what is registered, newest first. An action that throws does not keep the others from running. */
export function cleanUp(): void {
  for (const action of [...actions].reverse()) {
    actions.delete(action);
    try {
      action();
    } catch {
      // The runner is leaving, and the remaining actions matter more than this one's reason.
    }
  }
}
