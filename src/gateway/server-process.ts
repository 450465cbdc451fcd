// What the gateway knows of a process of the server: lines in, lines out, and its end. Types, no code: how one is
// started is somebody else's knowledge, handed in.

/** Starts one more process of the server. Throws where none can be started. */
export type StartServer = (options: StartOptions) => ServerProcess;

export interface StartOptions {
  /** Variables of its environment besides those that all its processes have. */
  readonly environment?: Readonly<Record<string, string>>;
  /**
   * Takes a line of its stdout, without the line's end. While the promise that it returned is pending, nothing more is
   * read, and the server's own writes wait in the end.
   */
  onLine(unsafeLine: string): void | Promise<void>;
}

export interface ServerProcess {
  readonly pid: number;
  /** The process has to take this line, to which the line's end is added; pending while its pipe is full. */
  send(line: string): void | Promise<void>;
  /** Resolves once, when it has ended and the last line has been taken. Never rejects. */
  readonly ended: Promise<ServerEnd>;
  /**
   * Ends its stdin; ends it and all that it has started by signals where it stays, after `patienceMs`, two seconds if
   * absent. Resolves as `ended` does.
   */
  stop(patienceMs?: number): Promise<ServerEnd>;
}

export interface ServerEnd {
  /** A clause that a person understands: "exited with status 1", "was ended by SIGKILL". */
  readonly reason: string;
  /** The gateway asked for it. */
  readonly wanted: boolean;
}
