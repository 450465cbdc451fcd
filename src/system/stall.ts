// Streams that must not fall silent. Knows neither networks nor programs.

export interface StallWatch {
  readonly stallMs: number;
  /** Is expected to make the source end or fail. */
  onStall(): void;
  /** Told when the source has ended. */
  onEnd?(): void;
  /** What a reader gets to see of the source's failure; the failure itself when absent. */
  translate?(error: unknown): unknown;
}

/**
 * The same bytes; `onStall` is called when a reader has waited `stallMs` for the next of them.
 * Time in which nobody reads does not count: a slow disk is not a silent registry.
 */
export function watchStall(
  source: ReadableStream<Uint8Array>,
  { stallMs, onStall, onEnd, translate }: StallWatch,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const timer = setTimeout(onStall, stallMs);
        try {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
          controller.close();
          onEnd?.();
        } catch (error) {
          throw translate === undefined ? error : translate(error);
        } finally {
          clearTimeout(timer);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
