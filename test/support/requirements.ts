// Real programs that tests need. Where one is missing the test is skipped with the reason in its title; in CI,
// where the script installs them all, a missing one is a failure.

import { test } from "bun:test";

/** `test`, or a visible skip where one of the programs is not on PATH. */
export function needs(...programs: readonly string[]): typeof test {
  const missing = programs.filter((program) => Bun.which(program) === null);
  return missing.length === 0 ? test : unavailable(`needs ${missing.join(", ")}`);
}

/** `test`, or a visible skip where the condition does not hold. */
export function needsThat(condition: boolean, reason: string): typeof test {
  return condition ? test : unavailable(reason);
}

function unavailable(reason: string): typeof test {
  const report = ((title: string) => {
    if (process.env["CI"] === "true") {
      test(title, () => {
        throw new Error(`CI must not skip: ${reason}`);
      });
    } else {
      test.skip(`${title} [skipped: ${reason}]`, () => {});
    }
  }) as typeof test;
  return report;
}
