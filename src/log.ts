// The log: one consola instance that writes to stderr only, because stdout belongs to the server.

import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import { createConsola, type LogObject } from "consola/core";
import { printable } from "./errors.ts";

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
const STDERR = 2;

let format: LogFormat = "text";

// consola/core has no reporter of its own and reads no environment variable. The full package writes `info` to
// stdout, and looking at process.stdout or process.stderr at all would leave the server a non-blocking descriptor.
const consola = createConsola({ level: CONSOLA_LEVELS.info, reporters: [{ log: write }] });

export const log = {
  debug: (message: string, fields?: LogFields) => consola.debug({ message, additional: fields }),
  info: (message: string, fields?: LogFields) => consola.info({ message, additional: fields }),
  warn: (message: string, fields?: LogFields) => consola.warn({ message, additional: fields }),
  error: (message: string, fields?: LogFields) => consola.error({ message, additional: fields }),
};

/** Sets the least severe level that is shown and the shape of a line. */
export function configureLog(options: {
  readonly level: LogLevel;
  readonly format: LogFormat;
}): void {
  consola.level = CONSOLA_LEVELS[options.level];
  format = options.format;
}

function write(entry: LogObject): void {
  const { message, additional } = entry as unknown as { message: string; additional?: LogFields };
  writeSync(
    STDERR,
    `${format === "json" ? jsonLine(entry, message, additional) : textLine(entry.type, message, additional)}\n`,
  );
}

function jsonLine(entry: LogObject, message: string, fields?: LogFields): string {
  return JSON.stringify({ time: entry.date.toISOString(), level: entry.type, message, ...fields });
}

function textLine(level: string, message: string, fields: LogFields = {}): string {
  const facts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${quoted(String(value))}`)
    .join("");
  const line = `fastmcp-runner: ${level === "info" ? "" : `${level}: `}${printable(message)}${facts}`;
  const colour = COLOURS[level];
  return colour !== undefined && isatty(STDERR) ? `\u001b[${colour}m${line}\u001b[0m` : line;
}

function quoted(value: string): string {
  return /^[^\s"=]+$/.test(value) ? printable(value) : JSON.stringify(printable(value));
}
