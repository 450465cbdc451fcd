// The outcome of what must fail: one of the runner's errors, its code, part of its sentence, and nothing secret.

import { expect } from "bun:test";

/** Secrets of tests begin with this, so that no message may contain it. */
const CANARY = /canary/;

export async function expectRefused(
  promise: Promise<unknown>,
  code: string,
  message: string,
): Promise<void> {
  const error = await promise.then(
    () => new Error("it was not refused"),
    (reason: Error) => reason,
  );
  // Copied, because the matcher writes into what it is given.
  expect({ code: "code" in error && error.code, message: error.message }).toEqual({
    code,
    message: expect.stringContaining(message) as never,
  });
  expect(Bun.inspect(error)).not.toMatch(CANARY);
}
