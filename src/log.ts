// The log: one consola instance that writes to stderr only, because stdout belongs to the server.

import { writeSync } from "node:fs";
import { createConsola, type LogObject } from "consola/core";
import { printable, type RunnerError } from "./errors.ts";
import { isTerminal } from "./system/terminal.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export const LOG_FORMATS = ["text", "json"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Structured facts beside a message: appended as `key=value` in text, as members in JSON. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

const CONSOLA_LEVELS = { error: 0, warn: 1, info: 3, debug: 4 } as const satisfies Record<
  LogLevel,
  number
>;
const COLOURS: Readonly<Record<string, string>> = { error: "31", warn: "33", debug: "2" };
const LEVEL_VARIABLE = "FASTMCP_RUNNER_LOG_LEVEL";
const FORMAT_VARIABLE = "FASTMCP_RUNNER_LOG_FORMAT";
const STDERR = 2;

/** Back to the start of the line, and everything after it erased. */
const CLEAR_LINE = "\r\u001b[K";

let format: LogFormat = "text";
let status = "";
const secrets = new Set<string>();

// consola/core has no reporter of its own and reads no environment variable. The full package writes `info` to
// stdout, and looking at process.stdout or process.stderr at all would leave the server a non-blocking descriptor.
const consola = createConsola({ level: CONSOLA_LEVELS.info, reporters: [{ log: write }] });

export const log = {
  debug: (message: string, fields: LogFields = {}) => consola.debug(message, fields),
  info: (message: string, fields: LogFields = {}) => consola.info(message, fields),
  warn: (message: string, fields: LogFields = {}) => consola.warn(message, fields),
  error: (message: string, fields: LogFields = {}) => consola.error(message, fields),
};

/** Sets the least severe level that is shown and the shape of a line. */
export function configureLog(options: {
  readonly level: LogLevel;
  readonly format: LogFormat;
}): void {
  consola.level = CONSOLA_LEVELS[options.level];
  format = options.format;
}

/** What makes the log of another process of this program like this one's, once it has it from its environment. */
export function logEnvironment(): Readonly<Record<string, string>> {
  const level = LOG_LEVELS.find((name) => CONSOLA_LEVELS[name] === consola.level) ?? "info";
  return { [LEVEL_VARIABLE]: level, [FORMAT_VARIABLE]: format };
}

/** Makes this log like that of the process that gave its `logEnvironment`. */
export function configureLogLike(environment: Readonly<Record<string, string | undefined>>): void {
  configureLog({
    level: LOG_LEVELS.find((name) => name === environment[LEVEL_VARIABLE]) ?? "info",
    format: LOG_FORMATS.find((name) => name === environment[FORMAT_VARIABLE]) ?? "text",
  });
}

/**
 * Keeps a text out of everything that is logged from now on: a registry may quote in its errors what it was sent, and
 * who reads the log is not who has the password.
 */
export function keepOutOfLog(secret: string): void {
  for (const form of [secret, printable(secret), encodeURIComponent(secret)]) {
    if (form !== "") secrets.add(form);
  }
}

/** Whether a status line can be shown: a person looks on, and asked for more than warnings. */
export function showsStatus(): boolean {
  return format === "text" && consola.level >= CONSOLA_LEVELS.info && isTerminal(STDERR);
}

/** Shows a line below the log that the next one replaces; an empty one ends it. */
export function setStatus(line: string): void {
  if (!showsStatus()) return;
  status = line;
  writeText(`${CLEAR_LINE}${status}`);
}

/** Tells an error: where, what, which code, and the next step. Its causes are told at level debug. */
export function logFailure(error: RunnerError): void {
  const { stage, code, hint } = error;
  const message = withoutSecrets(error.message);
  const details = error.details.map(withoutSecrets);
  const causes = consola.level >= CONSOLA_LEVELS.debug ? causesOf(error).map(withoutQueries) : [];
  if (format === "json") {
    const failure = { time: new Date().toISOString(), level: "error", message, stage, code, hint };
    emit(
      JSON.stringify({
        ...failure,
        ...(details.length > 0 && { details }),
        ...(causes.length > 0 && { causes }),
      }),
    );
    return;
  }
  emit(coloured("error", `fastmcp-runner: ${stage}: ${printable(message)} [${code}]`));
  for (const detail of details) emit(`  - ${printable(detail)}`);
  emit(`  hint: ${printable(hint)}`);
  for (const cause of causes) emit(`  cause: ${printable(cause)}`);
}

function causesOf(error: Error): readonly string[] {
  const causes: string[] = [];
  for (let cause = error.cause; cause !== undefined && causes.length < 8;) {
    causes.push(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}

// Bun's own errors hold whole URLs, and a signed one is as good as a password.
function withoutQueries(unsafeText: string): string {
  return withoutSecrets(unsafeText).replace(/\?[^\s"')]+/g, "?…");
}

const HIDDEN = "(hidden)";
const CUT_OFF = "…";
/** Fewer characters of a secret than this tell nothing, and may be any word's. */
const TELLING = 4;

function withoutSecrets(text: string): string {
  let result = text;
  for (const secret of secrets) {
    result = result.replaceAll(secret, HIDDEN);
    // A quotation may end in the middle of it.
    for (let length = Math.min(secret.length, result.length) - 1; length >= TELLING; length--) {
      result = result.replaceAll(secret.slice(0, length) + CUT_OFF, HIDDEN);
    }
  }
  return result;
}

function write({ args, date, type }: LogObject): void {
  // What `log` above gave: a message and its fields.
  const [given, givenFields] = args as [string, LogFields];
  const message = withoutSecrets(given);
  const fields = Object.fromEntries(
    Object.entries(givenFields).map(([key, value]) => [
      key,
      typeof value === "string" ? withoutSecrets(value) : value,
    ]),
  );
  emit(
    format === "json"
      ? JSON.stringify({ time: date.toISOString(), level: type, message, ...fields })
      : coloured(type, textLine(type, message, fields)),
  );
}

function textLine(level: string, message: string, fields: LogFields): string {
  const facts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${quoted(String(value))}`);
  return `fastmcp-runner: ${level === "info" ? "" : `${level}: `}${printable(message)}${facts.join("")}`;
}

function quoted(value: string): string {
  return /^[^\s"=]+$/.test(value) ? printable(value) : JSON.stringify(printable(value));
}

function coloured(level: string, line: string): string {
  const colour = COLOURS[level];
  return colour !== undefined && isTerminal(STDERR) ? `\u001b[${colour}m${line}\u001b[0m` : line;
}

function emit(line: string): void {
  writeText(status === "" ? `${line}\n` : `${CLEAR_LINE}${line}\n${status}`);
}

function writeText(text: string): void {
  try {
    writeSync(STDERR, text);
  } catch {
    // Nobody reads the log any more; the server must start all the same.
  }
}
