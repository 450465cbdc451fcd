import { expect, test } from "bun:test";
import { endInTime } from "../../src/system/in-time.ts";

const late = () => new Error("late");

/** A stream that says something every few milliseconds, so many times. */
function babble(times: number, onCancel: () => void = () => {}): ReadableStream<Uint8Array> {
  let said = 0;
  return new ReadableStream({
    async pull(controller) {
      await Bun.sleep(5);
      said += 1;
      if (said > times) controller.close();
      else controller.enqueue(new Uint8Array([said]));
    },
    cancel: onCancel,
  });
}

test("a stream that ends in time is left as it is", async () => {
  const bytes = await new Response(endInTime(babble(3), 10_000, late)).bytes();
  expect([...bytes]).toEqual([1, 2, 3]);
});

test("a stream that goes on and on fails, and its source is let go", async () => {
  let isLetGo = false;
  const source = babble(Infinity, () => (isLetGo = true));
  await expect(new Response(endInTime(source, 50, late)).bytes()).rejects.toThrow("late");
  expect(isLetGo).toBe(true);
});

test("a stream that falls silent fails too", async () => {
  const silent = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
  await expect(new Response(endInTime(silent, 50, late)).bytes()).rejects.toThrow("late");
});

test("the failure of the source comes through", async () => {
  const failing = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error("reset")),
  });
  await expect(new Response(endInTime(failing, 10_000, late)).bytes()).rejects.toThrow("reset");
});
