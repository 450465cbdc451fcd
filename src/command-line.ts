// argv, understood: which command, which flags, and what belongs to the server. Reads nothing else.

import { type ArgsDef, parseArgs } from "citty";
import type { Command, CommandInputs } from "./commands/command.ts";
import { COMMANDS, type CommandName } from "./commands/commands.ts";
import { printable, RunnerError } from "./errors.ts";
import { type SettingSources } from "./read-settings.ts";
import { SETTINGS, type SettingName, type SettingRow } from "./settings.ts";

export type Invocation =
  | { readonly kind: "help"; readonly command: CommandName | undefined }
  | { readonly kind: "version" }
  | {
      readonly kind: "command";
      readonly command: Command;
      readonly inputs: Omit<CommandInputs, "runner">;
    };

const DEFAULT_COMMAND: CommandName = "run";

/** Understands the arguments after the program's name. Throws INPUT_INVALID with every problem at once. */
export function parseCommandLine(
  argv: readonly string[],
  environment: SettingSources["environment"],
): Invocation {
  // Split before anything else looks: even `--help` after `--` is the server's.
  const separator = argv.indexOf("--");
  const own = separator < 0 ? argv : argv.slice(0, separator);
  const serverArguments = separator < 0 ? [] : argv.slice(separator + 1);
  const [first] = own;
  const named = first !== undefined && isCommandName(first) ? first : undefined;
  if (own.includes("--help") || own.includes("-h")) return { kind: "help", command: named };
  if (first === "--version" || first === "-v") return { kind: "version" };

  const command: Command = COMMANDS[named ?? DEFAULT_COMMAND];
  const parsed = parseFlags(command, named === undefined ? own : own.slice(1));
  const problems = [...parsed.problems];
  if (separator >= 0 && !command.serverArguments) {
    problems.push(`${named} starts no server, so nothing may follow --`);
  }
  refuse(problems);
  const { image, flags, json } = parsed;
  return {
    kind: "command",
    command,
    inputs: { image, flags, json, environment, serverArguments },
  };
}

interface ParsedFlags {
  readonly image: string | undefined;
  readonly flags: Readonly<Record<string, string>>;
  readonly json: boolean;
  readonly problems: readonly string[];
}

function parseFlags(command: Command, argv: readonly string[]): ParsedFlags {
  const definition = argumentsOf(command);
  const { _: positionals, json, ...unsafeFlags } = parseArgs([...argv], definition);
  const flags: Record<string, string> = {};
  const problems: string[] = [];
  for (const [name, value] of Object.entries(unsafeFlags)) {
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    // citty repeats each value under the flag's camelCase name.
    if (name === "image" || (flag !== name && flag in definition)) continue;
    if (!(name in definition)) problems.push(unknownFlag(name, definition));
    else if (value === true) flags[name] = "1";
    else if (value === false) problems.push(`--${name} is given or left out; it takes no value`);
    else if (typeof value !== "string" || value === "") problems.push(`--${name} needs a value`);
    else flags[name] = value;
  }
  const takesImage = command.settings.includes("image");
  // Behind an unknown flag its value looks like an argument: the flag is the mistake to tell.
  const extras = problems.length > 0 ? [] : positionals.slice(takesImage ? 1 : 0);
  for (const extra of extras) {
    problems.push(`"${printable(extra)}" is one argument too many; the server's own go after --`);
  }
  return { image: takesImage ? positionals[0] : undefined, flags, json: json === true, problems };
}

function unknownFlag(name: string, definition: ArgsDef): string {
  const dashes = name.length === 1 ? "-" : "--";
  const known = Object.keys(definition).filter((flag) => flag !== "image");
  return `${dashes}${printable(name)} is not a flag of this command; it knows ${known.map((flag) => `--${flag}`).join(", ")}`;
}

function refuse(problems: readonly string[]): void {
  const [first, ...more] = problems;
  if (first === undefined) return;
  if (more.length === 0) throw new RunnerError("INPUT_INVALID", first);
  throw new RunnerError("INPUT_INVALID", `${problems.length} arguments are wrong`, {
    details: problems,
  });
}

function argumentsOf(command: Command): ArgsDef {
  const rows = command.settings.map((name) => argumentOf(name)).filter((row) => row !== undefined);
  const json: ArgsDef = command.json
    ? { json: { type: "boolean", description: "Answer in JSON" } }
    : {};
  return { ...Object.fromEntries(rows), ...json };
}

function argumentOf(name: SettingName): readonly [string, ArgsDef[string]] | undefined {
  const { flag, about, value }: SettingRow = SETTINGS[name];
  if (name === "image") return ["image", { type: "positional", required: false }];
  if (flag === undefined) return undefined;
  if (value === undefined) return [flag, { type: "boolean", description: about }];
  return [flag, { type: "string", valueHint: value, description: about }];
}

function isCommandName(text: string): text is CommandName {
  return Object.hasOwn(COMMANDS, text);
}
