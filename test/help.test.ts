import { describe, expect, test } from "bun:test";
import type { Command } from "../src/commands/command.ts";
import { COMMANDS, type CommandName } from "../src/commands/commands.ts";
import { renderHelp } from "../src/help.ts";
import { SETTINGS, type SettingRow } from "../src/settings.ts";

const commands = Object.entries(COMMANDS) as [CommandName, Command][];

describe("renderHelp", () => {
  test("of the program names every command", () => {
    const help = renderHelp(undefined);
    for (const [name, { about }] of commands) expect(help).toContain(`${name.padEnd(12)} ${about}`);
  });

  test.each(commands)(
    "of %s names each of its flags and variables, and no other",
    (name, command) => {
      const help = renderHelp(name);
      for (const [setting, row] of Object.entries(SETTINGS) as [string, SettingRow][]) {
        const own = command.settings.some((candidate) => candidate === setting);
        const written = row.value === undefined ? `  --${row.flag}\n` : `--${row.flag}=`;
        if (row.flag !== undefined) expect(help.includes(written)).toBe(own);
        if (own && row.env !== undefined) expect(help).toContain(row.env);
      }
    },
  );

  test.each([undefined, ...commands.map(([name]) => name)])(
    "of %s fits a narrow terminal",
    (name) => {
      const long = renderHelp(name)
        .split("\n")
        .filter((line) => line.length > 90);
      expect(long).toEqual([]);
    },
  );
});
