// The beginning and the end of a server's process, as events.

import type { ChildPurpose, OnGatewayEvent } from "./events.ts";
import type { ServerProcess } from "./server-process.ts";

/** Tells now that it has started, and later how it ended. */
export function tellLife(
  { pid, ended }: ServerProcess,
  purpose: ChildPurpose,
  onEvent: OnGatewayEvent,
): void {
  onEvent({ type: "child-started", pid, purpose });
  void ended.then((end) => onEvent({ type: "child-ended", pid, purpose, end }));
}
