// What happens in the gateway, as lines of the log. Everybody's own text is cut and made printable by the log.

import { reasonOf } from "../errors.ts";
import type { ChildPurpose, GatewayEvent, OnGatewayEvent } from "../gateway/events.ts";
import { limitRate } from "../gateway/rate-limit.ts";
import { log } from "../log.ts";

/** What servers may write to stdout that is no message, in a second. */
const LINES_PER_SECOND = 20;
/** The same where stdout is a server's log, which is as good as what it writes to stderr. */
const OUTPUT_LINES_PER_SECOND = 100;
const MAX_OUTPUT_CHARACTERS = 8_192;
const MAX_LINE_CHARACTERS = 200;
const MAX_REFUSALS = 16;

/** Tells what somebody has to know at level info or warn, the rest at debug. */
export function gatewayLogger(): OnGatewayEvent {
  const tellStray = strayLogger();
  /** Those of which it is not known yet that they should write messages. */
  const probes = new Set<number>();
  return (event) => {
    if (event.type === "line-dropped") {
      return tellStray(event, { isMistake: !probes.has(event.pid) });
    }
    if (event.type === "child-started" && event.purpose === "probe") probes.add(event.pid);
    if (event.type === "child-ended") probes.delete(event.pid);
    tell(event);
  };
}

/** Tells what a server with a port of its own writes to its stdout, as long as somebody can read it. */
export function outputLogger(): (pid: number, unsafeLine: string) => void {
  const lines = limitRate(OUTPUT_LINES_PER_SECOND, (line, withheld) => {
    if (withheld > 0) log.warn(`${withheld} lines withheld that the server wrote to stdout`);
    log.info(line);
  });
  return (pid, unsafeLine) =>
    lines.take(`server ${pid}: ${unsafeLine.slice(0, MAX_OUTPUT_CHARACTERS)}`);
}

/** Tells each reason for which requests are refused once, and no more of them than anybody reads. */
export function refusalLogger(): (unsafeWhy: string) => void {
  const told = new Set<string>();
  return (unsafeWhy) => {
    const isNews = told.size < MAX_REFUSALS && !told.has(unsafeWhy);
    if (isNews) told.add(unsafeWhy);
    log[isNews ? "warn" : "debug"](`a request was refused: ${unsafeWhy}`);
  };
}

function tell(event: Exclude<GatewayEvent, { readonly type: "line-dropped" }>): void {
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
      return log[level](
        `server ${event.pid} ${reason}${wanted ? "" : CONSEQUENCES[event.purpose]}`,
      );
    }
    case "call-finished":
      return log.debug(`${event.unsafeMethod.slice(0, MAX_LINE_CHARACTERS)} ${event.outcome}`, {
        milliseconds: Math.round(event.milliseconds),
      });
    case "start-failed":
      return log.warn(`no process of the server could be started: ${reasonOf(event.error)}`);
  }
}

const CONSEQUENCES: Readonly<Record<ChildPurpose, string>> = {
  session: ", and its session with it",
  shared: "; it is started again",
  probe: " when it was asked what it is",
};

type Stray = Extract<GatewayEvent, { readonly type: "line-dropped" }>;

// A mistake that many servers make, and at each call again: why it is one is told once.
function strayLogger(): (stray: Stray, options: { readonly isMistake: boolean }) => void {
  let isExplained = false;
  const lines = limitRate(LINES_PER_SECOND, (line, withheld) => {
    if (withheld > 0) log.warn(`${withheld} lines withheld that servers wrote to stdout`);
    log.info(line);
  });
  return ({ pid, unsafeLine }, { isMistake }) => {
    if (unsafeLine.trim() === "") return;
    if (isMistake && !isExplained) {
      isExplained = true;
      log.warn(
        "the server writes to its stdout what is no MCP message: no client gets it; its log belongs on stderr",
      );
    }
    lines.take(`server ${pid}, stdout: ${unsafeLine.slice(0, MAX_LINE_CHARACTERS)}`);
  };
}
