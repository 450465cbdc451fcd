// Real programs and rights that tests need. Where one is missing the test is skipped with the reason in its title; in
// CI, where the script installs them all, a missing one is a failure.

import { test } from "bun:test";

/** Registers a test, or reports why it cannot run here. */
export type ConditionalTest = (
  title: string,
  run: () => void | Promise<void>,
  timeoutMs?: number,
) => void;

/** A test that needs these programs on PATH. */
export function needs(...programs: readonly string[]): ConditionalTest {
  return unless(programProblem(...programs));
}

/** What keeps a test from these programs, if anything. */
export function programProblem(...programs: readonly string[]): string | undefined {
  const missing = programs.filter((program) => Bun.which(program) === null);
  return missing.length === 0 ? undefined : `needs ${missing.join(", ")}`;
}

/** A test that runs where there is none of these problems. */
export function unless(...problems: readonly (string | undefined)[]): ConditionalTest {
  const found = problems.filter((problem) => problem !== undefined);
  return needsThat(found.length === 0, found.join("; "));
}

/** A test that needs the condition to hold; `reason` says what is wanted. */
export function needsThat(condition: boolean, reason: string): ConditionalTest {
  if (condition) return (title, run, timeoutMs) => test(title, run, timeoutMs);
  if (process.env["CI"] === "true") {
    return (title) => test(title, () => Promise.reject(new Error(`CI must not skip: ${reason}`)));
  }
  return (title) => test.skip(`${title} [skipped: ${reason}]`, () => {});
}
