// The process boundary: argv, environment, signals and exit status. No domain logic.

import { type Invocation, parseCommandLine } from "./command-line.ts";
import { RunnerError, reasonOf } from "./errors.ts";
import { renderHelp } from "./help.ts";
import { RESUME_ARGUMENT, resumeInsideNamespace } from "./launch/resume.ts";
import { configureLog, logFailure } from "./log.ts";
import { print } from "./output.ts";
import { readSettings, type SettingSources } from "./read-settings.ts";
import { ROOT_NOTES } from "./stages/execute.ts";
import { cleanUp } from "./system/cleanup.ts";
import { takeEnvironment } from "./system/environ.ts";
import { isIgnored } from "./system/process-state.ts";
import { commit, version } from "./version.ts";

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
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
    if (argv[0] === RESUME_ARGUMENT) {
      configureLogAs({ image: undefined, environment, flags: {} });
      return await resumeInsideNamespace(environment, ROOT_NOTES);
    }
    return await answer(parseCommandLine(argv, environment));
  } catch (error) {
    const failure = asFailure(error);
    logFailure(failure);
    return failure.status;
  } finally {
    cleanUp();
  }
}

async function answer(invocation: Invocation): Promise<number> {
  if (invocation.kind === "help") print(renderHelp(invocation.command));
  else if (invocation.kind === "version") print(`fastmcp-runner ${version} (${commit})`);
  else {
    const { command, inputs } = invocation;
    configureLogAs(inputs);
    return await command.run({ ...inputs, runner: thisProgram() });
  }
  return 0;
}

function configureLogAs(sources: SettingSources): void {
  const { settings } = readSettings(["logLevel", "logFormat"], sources);
  configureLog({ level: settings.logLevel ?? "info", format: settings.logFormat ?? "text" });
}

function thisProgram(): readonly string[] {
  return Bun.main.startsWith(COMPILED_FILES) ? [process.execPath] : [process.execPath, Bun.main];
}

// What nobody threw on purpose is a fault of the runner, and its stack is what a report needs.
function asFailure(error: unknown): RunnerError {
  if (error instanceof RunnerError) return error;
  const details = error instanceof Error ? (error.stack ?? "").split("\n").slice(1) : [];
  return new RunnerError("INTERNAL", reasonOf(error), { cause: error, details });
}
