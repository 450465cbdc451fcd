// The process boundary: argv, environment, signals and exit status. No domain logic.

import { RunnerError, reasonOf } from "./errors.ts";
import { CHILD_ARGUMENT, RESUME_ARGUMENT } from "./launch/resume-plan.ts";
import { configureLogLike, log, logEnvironment, logFailure } from "./log.ts";
import { cleanUp } from "./system/cleanup.ts";
import { takeEnvironment } from "./system/environ.ts";
import { ownProgram } from "./system/own-program.ts";
import { isIgnored } from "./system/process-state.ts";

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
const NOTES = {
  onChoice: (note: string) => log.info(note),
  onLack: (note: string) => log.warn(note),
};
const COMPILED_FILES = "/$bunfs/";

// What the runner creates for the server must be readable whatever umask it was started with; what is private says so.
process.umask(0o022);
for (const [signal, number] of Object.entries(SIGNALS)) {
  // nohup's wish is for the runner and for its server.
  if (signal === "SIGHUP" && isIgnored(number)) continue;
  process.on(signal, () => {
    cleanUp();
    process.exit(128 + number);
  });
}

process.exit(await main(process.argv.slice(2)));

async function main(argv: readonly string[]): Promise<number> {
  try {
    const environment = takeEnvironment();
    if (argv[0] === RESUME_ARGUMENT) return await resume(environment);
    if (argv[0] === CHILD_ARGUMENT) return await becomeServer(environment);
    const { answer } = await import("./answer.ts");
    return await answer(argv, { environment, runner: thisProgram() });
  } catch (error) {
    const failure = asFailure(error);
    logFailure(failure);
    return failure.status;
  } finally {
    cleanUp();
  }
}

// A start inside a namespace is the second one of the same server, and loads nothing of what the first one needed.
async function resume(environment: Readonly<Record<string, string | undefined>>): Promise<never> {
  configureLogLike(environment);
  const { resumeInsideNamespace } = await import("./launch/resume.ts");
  return await resumeInsideNamespace(environment, NOTES);
}

async function becomeServer(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  configureLogLike(environment);
  const { becomeChildServer } = await import("./launch/server-child.ts");
  return await becomeChildServer(environment, {
    runner: thisProgram(),
    environment: logEnvironment(),
    notes: NOTES,
  });
}

function thisProgram(): readonly string[] {
  return Bun.main.startsWith(COMPILED_FILES)
    ? ownProgram(process.argv.length - 2)
    : [process.execPath, Bun.main];
}

// What nobody threw on purpose is a fault of the runner, and its stack is what a report needs.
function asFailure(error: unknown): RunnerError {
  if (error instanceof RunnerError) return error;
  const details = error instanceof Error ? (error.stack ?? "").split("\n").slice(1) : [];
  return new RunnerError("INTERNAL", reasonOf(error), { cause: error, details });
}
