// Streams that have to come to their end in time, however busily they say little. Knows neither networks nor programs.

/** The same bytes, which fail with `late()` when the last has not come after `ms`. Time begins with the call. */
export function endInTime(
  source: ReadableStream<Uint8Array>,
  ms: number,
  late: () => unknown,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    // A reader that waits is told that there is nothing more.
    void reader.cancel().catch(() => {});
  }, ms);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let isOver = true;
        try {
          const { done, value } = await reader.read();
          if (isLate) throw late();
          isOver = done;
          if (done) controller.close();
          else controller.enqueue(value);
        } finally {
          if (isOver) clearTimeout(timer);
        }
      },
      cancel(reason) {
        clearTimeout(timer);
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
