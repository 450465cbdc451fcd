import { describe, expect, test } from "bun:test";
import { RunnerError } from "../../src/errors.ts";
import { SYSTEM_CLOCK } from "../../src/registry/clock.ts";
import { startDeadline } from "../../src/registry/deadline.ts";
import { unreachable } from "../../src/registry/network-problem.ts";
import { persist, type Outcome } from "../../src/registry/persist.ts";
import { formatRetry } from "../../src/registry/retry.ts";
import { fastClock } from "../support/fast-clock.ts";

const WHO = "the registry ghcr.io";

describe("persist", () => {
  test("tries again until there is an answer, and tells of each", async () => {
    const tells: string[] = [];
    const clock = fastClock();
    const steps = [
      answer(500),
      failure("ECONNRESET"),
      answer(503),
      failure("ETIMEDOUT"),
      answer(200),
    ];
    const outcome = await persist(WHO, inTurn(steps), {
      clock,
      onRetry: (retry) => tells.push(formatRetry(retry)),
    });
    expect(outcome.status).toBe(200);
    expect(clock.waits).toEqual([500, 1000, 2000, 4000]);
    expect(tells).toEqual([
      "the registry ghcr.io answers 500; trying again in 0.5 s (2 of 5)",
      "ghcr.io closes the connection before it has answered in full; trying again in 1.0 s (3 of 5)",
      "the registry ghcr.io answers 503; trying again in 2.0 s (4 of 5)",
      "ghcr.io does not answer; trying again in 4.0 s (5 of 5)",
    ]);
  });

  test("hands over the fifth outcome, whatever it is", async () => {
    const clock = fastClock(0);
    const answers = inTurn([503, 502, 500, 504, 429, 200].map((status) => answer(status)));
    expect((await persist(WHO, answers, { clock })).status).toBe(429);
    const failures = inTurn(Array.from({ length: 6 }, () => failure("ECONNREFUSED")));
    expect(await reasonOf(persist(WHO, failures, { clock }))).toContain("refuses the connection");
    expect(clock.waits).toHaveLength(8);
  });

  test.each([
    ["a host that does not exist", failure("ENOTFOUND")],
    ["a certificate", failure("CERT_HAS_EXPIRED")],
    ["a refused redirect", new RunnerError("REGISTRY_REDIRECT_REFUSED", "no")],
    ["a fault of ours", new TypeError("x is not a function")],
  ])("does not try %s again", async (_, error) => {
    const clock = fastClock();
    const refused = persist(WHO, inTurn([error, answer(200)]), { clock });
    expect(await reasonOf(refused)).toBe(error.message);
    expect(clock.waits).toEqual([]);
  });

  test("waits as long as it is asked to, and no shorter than it would by itself", async () => {
    const clock = fastClock();
    const steps = ["60", "0", "Fri, 02 Jan 2026 03:05:35 GMT", "nonsense"].map((time) =>
      answer(429, { "retry-after": time }),
    );
    await persist(WHO, inTurn([...steps, answer(200)]), { clock });
    // By then it is 03:05:06.
    expect(clock.waits).toEqual([60_000, 1000, 29_000, 4000]);
  });

  test("does not wait when it is asked to for more than a minute", async () => {
    const clock = fastClock();
    const outcome = await persist(WHO, inTurn([answer(503, { "retry-after": "61" })]), { clock });
    expect(outcome.status).toBe(503);
    expect(clock.waits).toEqual([]);
  });

  test("names another host that has answered", async () => {
    const problems: string[] = [];
    const steps = [{ ...answer(503), host: "cdn.example", isForeign: true }, answer(200)];
    await persist(WHO, inTurn(steps), {
      clock: fastClock(),
      onRetry: ({ problem }) => problems.push(problem),
    });
    expect(problems).toEqual(["cdn.example answers 503"]);
  });

  test("ends an answer that it does not hand over", async () => {
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({ cancel: () => void (isCancelled = true) });
    await persist(WHO, inTurn([{ ...answer(503), body }, answer(200)]), { clock: fastClock() });
    expect(isCancelled).toBe(true);
  });

  test("a wait ends with the signal, for the reason that the signal has", async () => {
    const abort = new AbortController();
    const reason = new Error("enough");
    const waiting = persist(WHO, inTurn([answer(503, { "retry-after": "60" })]), {
      clock: SYSTEM_CLOCK,
      signal: abort.signal,
      onRetry: () => setImmediate(() => abort.abort(reason)),
    });
    expect(await reasonOf(waiting)).toBe("enough");
  });
});

describe("startDeadline", () => {
  test("ends a wait when the time is up, and says which setting that is", async () => {
    const deadline = startDeadline("ghcr.io/org/app:1", 1);
    const waiting = SYSTEM_CLOCK.wait(3_600_000, deadline.signal);
    expect(await reasonOf(waiting)).toBe(
      "ghcr.io/org/app:1 is not pulled after 0 seconds, which is the limit (PULL_TIMEOUT)",
    );
  });

  test("rings no more when it has been cleared", async () => {
    const cleared = startDeadline("ghcr.io/org/app:1", 1);
    cleared.clear();
    const later = startDeadline("ghcr.io/org/app:2", 5);
    expect(await reasonOf(SYSTEM_CLOCK.wait(3_600_000, later.signal))).toContain("app:2");
    expect(cleared.signal?.aborted).toBe(false);
  });

  test("without a limit there is no signal", () => {
    expect(startDeadline("ghcr.io/org/app:1", 0).signal).toBeUndefined();
  });
});

function answer(status: number, headers: Record<string, string> = {}): Outcome {
  return { status, headers: new Headers(headers), host: "ghcr.io", isForeign: false };
}

function failure(code: string): RunnerError {
  return unreachable("ghcr.io", Object.assign(new Error(), { code }));
}

function inTurn(steps: readonly (Outcome | Error)[]): () => Promise<Outcome> {
  const left = [...steps];
  return async () => {
    const step = left.shift();
    if (step === undefined) throw new Error("nobody has expected this try");
    if (step instanceof Error) throw step;
    return step;
  };
}

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => "it has not failed",
    (reason: Error) => reason.message,
  );
}
