// What happens in the gateway, for whoever keeps a log or counts. Types, no code.

import type { ServerEnd } from "./server-process.ts";

export type GatewayEvent =
  | { readonly type: "session-opened"; readonly sessions: number }
  | {
      readonly type: "session-closed";
      readonly why: SessionEnd;
      /** Those that are left. */
      readonly sessions: number;
    }
  | { readonly type: "child-started"; readonly pid: number; readonly purpose: ChildPurpose }
  | {
      readonly type: "child-ended";
      readonly pid: number;
      readonly purpose: ChildPurpose;
      readonly end: ServerEnd;
    }
  | {
      readonly type: "call-finished";
      readonly unsafeMethod: string;
      readonly milliseconds: number;
      readonly outcome: CallOutcome;
    }
  | { readonly type: "start-failed"; readonly error: unknown }
  /** The server wrote a line that is no message, and that nobody gets. */
  | { readonly type: "line-dropped"; readonly pid: number; readonly unsafeLine: string };

/** `refused`: the server would not open it. */
export type SessionEnd = "deleted" | "idle" | "too-old" | "crashed" | "refused" | "closing";

/** One session's, the one that all requests of 2026-07-28 share, or one that is asked something and ended. */
export type ChildPurpose = "session" | "shared" | "probe";

/** `failed`: answered with an error, by the server or by the gateway; `cancelled`: given up by the client. */
export type CallOutcome = "answered" | "failed" | "cancelled";

export type OnGatewayEvent = (event: GatewayEvent) => void;
