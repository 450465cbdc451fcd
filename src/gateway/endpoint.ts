// Something that answers MCP requests over HTTP, whatever is behind it. A type, no code.

export interface Endpoint {
  /** Answers one request, which has been admitted already. Never rejects. */
  handle(request: Request): Promise<Response>;
  /** Takes no more, gives what is in flight up to `graceMs`, and ends all processes. */
  close(graceMs: number): Promise<void>;
}
