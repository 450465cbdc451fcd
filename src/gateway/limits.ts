// What the gateway grants at most. A record, no code; the defaults stand in the settings table.

export interface GatewayLimits {
  /** Sessions, each with a process of its own; one more is told to come again later. */
  readonly maxSessions: number;
  /** Milliseconds without a request, an open stream or an answer that is due, after which a session ends. */
  readonly sessionIdleMs: number;
  /** Milliseconds after which a session ends whatever it does. */
  readonly sessionMaxAgeMs: number;
  /** Bytes of a request's body. */
  readonly maxBodyBytes: number;
  /** Bytes of one line of a server's stdout; a longer one ends the process. */
  readonly maxLineBytes: number;
  /** Milliseconds that a process has for its first answer. */
  readonly startTimeoutMs: number;
}
