// What happens in the gateway, as lines of the log. Everybody's own text is cut and made printable by the log.

import { reasonOf } from "../errors.ts";
import type { GatewayEvent } from "../gateway/events.ts";
import { log } from "../log.ts";

/** Tells what somebody has to know at level info or warn, the rest at debug. */
export function logGatewayEvent(event: GatewayEvent): void {
  switch (event.type) {
    case "session-opened":
      return log.debug(`a session was opened: ${event.sessions} now`);
    case "session-closed":
      return log.debug(`a session was closed (${event.why}): ${event.sessions} now`);
    case "child-started":
      return log.debug(`server ${event.pid} started (${event.purpose})`);
    case "child-ended": {
      const { reason, wanted } = event.end;
      // A process that was started to be asked something may end at the question.
      const level = wanted || event.purpose === "probe" ? "debug" : "warn";
      return log[level](`server ${event.pid} ${reason} (${event.purpose})`);
    }
    case "call-finished":
      return log.debug(`${event.unsafeMethod} ${event.outcome}`, {
        milliseconds: Math.round(event.milliseconds),
      });
    case "start-failed":
      return log.warn(`no process of the server could be started: ${reasonOf(event.error)}`);
    case "line-dropped":
      return log.warn(`server ${event.pid} wrote to its stdout what is no message`, {
        line: event.unsafeLine.slice(0, MAX_LINE_CHARACTERS),
      });
  }
}

const MAX_LINE_CHARACTERS = 200;
