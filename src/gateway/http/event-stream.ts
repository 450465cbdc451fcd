// A response of server-sent events: messages with or without ids, comments that keep the connection, and a promise
// while the client is slow. Knows no JSON-RPC. https://html.spec.whatwg.org/multipage/server-sent-events.html

export interface EventStreamOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** The first event: its id with empty data, from which a client can resume, and after how many milliseconds. */
  readonly prime?: { readonly id: string; readonly retryMs: number };
  /** The first event instead: one with a name of its own. */
  readonly announce?: { readonly event: string; readonly data: string };
  /** The client has left before the end. */
  onGone(): void;
}

export interface EventStream {
  readonly response: Response;
  /** Sends a message of one line. The promise is pending while the client is slow; it never rejects. */
  send(line: string, id?: string): void | Promise<void>;
  /** Sends a comment, unless something has been sent since the last call or waits to be sent. */
  beat(): void;
  /** The response is complete once the client has taken what has been sent. */
  end(): void;
  /** No more can be sent: it was ended, or the client has left. */
  readonly closed: boolean;
}

/** Text that waits for the client beyond what the socket holds. */
const HIGH_WATER = 65_536;

const HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  // nginx would collect the events otherwise.
  "x-accel-buffering": "no",
};

/** Opens a stream whose headers reach the client at once. */
export function openEventStream(options: EventStreamOptions): EventStream {
  let sink: ReadableStreamDefaultController<string> | undefined;
  let drained: PromiseWithResolvers<void> | undefined;
  let quiet = false;
  const drain = () => {
    drained?.resolve();
    drained = undefined;
  };
  const leave = () => {
    sink = undefined;
    drain();
  };
  const body = new ReadableStream<string>(
    {
      start(controller) {
        sink = controller;
        // Bun sends no header before the first piece of the body.
        controller.enqueue(firstOf(options));
      },
      pull: drain,
      cancel() {
        leave();
        options.onGone();
      },
    },
    { highWaterMark: HIGH_WATER, size: (text = "") => text.length },
  );
  const write = (text: string): void | Promise<void> => {
    if (sink === undefined) return;
    sink.enqueue(text);
    quiet = false;
    if ((sink.desiredSize ?? 0) > 0) return;
    drained ??= Promise.withResolvers();
    return drained.promise;
  };
  return {
    response: asResponse(body, options.headers),
    send: (line, id) =>
      write(id === undefined ? `data: ${line}\n\n` : `id: ${id}\ndata: ${line}\n\n`),
    beat() {
      if (quiet && drained === undefined) void write(":\n\n");
      quiet = true;
    },
    end() {
      sink?.close();
      leave();
    },
    get closed() {
      return sink === undefined;
    },
  };
}

function firstOf({ prime, announce }: EventStreamOptions): string {
  if (announce !== undefined) return `event: ${announce.event}\ndata: ${announce.data}\n\n`;
  return prime === undefined ? ":\n\n" : `id: ${prime.id}\nretry: ${prime.retryMs}\ndata:\n\n`;
}

function asResponse(
  body: ReadableStream<string>,
  headers: Readonly<Record<string, string>> = {},
): Response {
  // Bun writes strings as UTF-8; the type of a response's body knows bytes only.
  return new Response(body as unknown as ReadableStream<Uint8Array>, {
    headers: { ...HEADERS, ...headers },
  });
}
