// The text of --help, made from the commands and the settings table.

import type { Command } from "./commands/command.ts";
import { COMMANDS, type CommandName } from "./commands/commands.ts";
import { SETTINGS, type SettingName, type SettingRow } from "./settings.ts";
import { version } from "./version.ts";

const PROGRAM = "fastmcp-runner";
const README = "https://github.com/drengskapur/fastmcp-runner#readme";
const WIDTH = 90;
const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** Help for the program, or for one command. */
export function renderHelp(name: CommandName | undefined): string {
  return name === undefined ? programHelp() : commandHelp(name);
}

function programHelp(): string {
  const commands = Object.entries(COMMANDS).map(
    ([name, { about }]) => `  ${name.padEnd(12)} ${about}`,
  );
  return [
    `${PROGRAM} ${version}`,
    "Given the name of a container image, becomes the MCP server inside it, or serves it over",
    "HTTP where it speaks stdio. No Docker needed.",
    "",
    `Usage: ${PROGRAM} [run] [IMAGE] [FLAGS] [-- ARGUMENTS OF THE SERVER]`,
    "",
    "Commands",
    ...commands,
    "",
    ...flagsHelp(COMMANDS.run),
    "",
    "Variables MCP_ENV_NAME reach the server as NAME.",
    `${PROGRAM} COMMAND --help tells the flags of a command.`,
    `Run modes, Over HTTP: ${README}`,
  ].join("\n");
}

function commandHelp(name: CommandName): string {
  const command: Command = COMMANDS[name];
  const image = command.settings.includes("image") ? " IMAGE" : "";
  const rest = command.serverArguments ? " [-- ARGUMENTS OF THE SERVER]" : "";
  const usage = `Usage: ${PROGRAM} ${name}${image} [FLAGS]${rest}`;
  return [`${command.about}.`, "", usage, "", ...flagsHelp(command)].join("\n");
}

function flagsHelp(command: Command): readonly string[] {
  return [
    "Flags, and the variables that say the same (a flag wins)",
    ...SETTING_NAMES.filter((name) => command.settings.includes(name)).flatMap(settingHelp),
    ...(command.json ? ["  --json", "      Answer in JSON."] : []),
  ];
}

function settingHelp(name: SettingName): readonly string[] {
  const { flag, env, value, about, fallback }: SettingRow = SETTINGS[name];
  const given = value === undefined ? `--${flag}` : `--${flag}=<${value}>`;
  const written = flag === undefined ? (name === "image" ? "IMAGE" : "") : given;
  const head = [written, env === written ? "" : env].filter(Boolean).join("  ");
  const text = `${about}${fallback === undefined ? "" : ` Default: ${fallback}.`}`;
  return [
    `  ${head}`,
    ...wrapped(text.replaceAll("`", ""), WIDTH - 6).map((line) => `      ${line}`),
  ];
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || line.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}
