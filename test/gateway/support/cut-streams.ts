// A network that breaks the first event stream that answers a POST, after the first message that came in it, as a
// proxy with a short temper would.

export interface CuttingNetwork {
  readonly fetch: (url: string | URL, init?: RequestInit) => Promise<Response>;
  /** Streams that it has broken. */
  readonly cut: number;
  /** Requests for the rest of a stream. */
  readonly resumed: number;
}

export function cutStreams(): CuttingNetwork {
  let cut = 0;
  let resumed = 0;
  return {
    async fetch(url, init) {
      if (new Headers(init?.headers).has("last-event-id")) resumed += 1;
      const response = await fetch(url, init);
      const isStream = response.headers.get("content-type") === "text/event-stream";
      if (init?.method !== "POST" || !isStream || response.body === null || cut > 0)
        return response;
      cut += 1;
      return new Response(response.body.pipeThrough(untilFirstMessage()), response);
    },
    get cut() {
      return cut;
    },
    get resumed() {
      return resumed;
    },
  };
}

// The chunk in which the first message is goes through whole; whether it ends there or later makes no difference.
function untilFirstMessage(): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  return new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk);
      if (decoder.decode(chunk, { stream: true }).includes("jsonrpc")) controller.terminate();
    },
  });
}
