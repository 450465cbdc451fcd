// What each mode costs, in words and a table: for the terminal in full, for the README in short.

import type { Figure, ModeRow, ModesResults } from "./results.ts";
import { MANY } from "./run.ts";

const COLUMNS = ["start", "echo", "echoMany", "readFiles"] as const satisfies (keyof ModeRow)[];

/** The text above the README's table. */
export function modesParagraph(results: ModesResults): string {
  const { machine, rounds, startsPerRound, programs, imageMegabytes, clientCores } = results;
  const { Node: node, ...others } = programs;
  const versions = Object.entries(others).map(([name, version]) => `${name} ${version}`);
  return [
    `A server with the official SDK on Node ${node}, against the same started without the runner: until it has answered its first call, and how many calls a second it answers, of a tool that echoes and of one that reads 1,000 files of 1 KB one after another. Medians of ${rounds} interleaved rounds with ${startsPerRound} starts each on ${machine}; in brackets how many times the figure of Node alone.`,
    `The image has ${imageMegabytes} MB and lies in a layout on disk, and \`CACHE_DIR\` has its tree: over that \`chroot\` and \`userns\` lay the server's changes, while \`proot\`, \`loader\` and a \`chroot\` in which nothing can be mounted copy it first. \`baked\` and \`overlay\` start in a root that is there already. The client shares the cores with the server and what traces it, and needs at most ${percent(clientCores.one)} of one on one connection and ${percent(clientCores.many)} on ${MANY}. ${versions.join(", ")}. \`bun run bench --modes\` measures it on your machine.`,
  ].join("\n\n");
}

/** A line a way to start. */
export function modesTable({ rows }: ModesResults): readonly (readonly string[])[] {
  const lines = rows.map((row, index) => [
    modeName(row.name),
    ...COLUMNS.map((column) => {
      const text = column === "start" ? milliseconds(row[column]) : perSecond(row[column]);
      return index === 0 ? text : `${text} (${row[column].ratio.toFixed(2)}×)`;
    }),
  ]);
  return [["Mode", "First answer", "echo", `echo, ${MANY} connections`, "1,000 files"], ...lines];
}

/** What finding out costs, in a sentence. */
export function probeSentence({ probe }: ModesResults): string {
  const costs = probe.map(
    ({ user, milliseconds: { median } }) => `${Math.ceil(median)} ms as ${user}`,
  );
  return `Finding out what works takes at most ${costs.join(" and ")} of a start: that is how much longer \`doctor\` takes than \`--version\`.`;
}

/** All figures, for the terminal. */
export function modesText(results: ModesResults): string {
  const rows = results.rows.map((row) =>
    [
      row.name.padEnd(24),
      ...COLUMNS.map((column) => {
        const { median, min, max, ratio } = row[column];
        const spread = `${amount(median)} [${amount(min)}..${amount(max)}]`;
        return `${spread} ${ratio.toFixed(2)}×`.padEnd(32);
      }),
    ].join(" "),
  );
  return [
    "milliseconds to the first answer; calls a second of echo, of echo on many connections, of 1,000 files",
    ...rows.map((row) => `  ${row.trimEnd()}`),
    ...results.leftOut.map(({ name, reason }) => `  left out: ${name} (${reason})`),
    ...results.probe.map(
      ({ user, milliseconds: { median, min, max } }) =>
        `  probe as ${user}: ${amount(median)} [${amount(min)}..${amount(max)}] ms`,
    ),
  ].join("\n");
}

// `chroot`, nothing mounted: what is the value of RUN_MODE is code.
function modeName(name: string): string {
  const [mode = "", ...rest] = name.split(",");
  return [/^[a-z]/.test(mode) ? `\`${mode}\`` : mode, ...rest].join(",");
}

function milliseconds({ median }: Figure): string {
  return `${Math.round(median)} ms`;
}

function perSecond({ median }: Figure): string {
  return `${amount(median)}/s`;
}

function amount(value: number): string {
  return value < 20 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
}

function percent(cores: number): string {
  return `${Math.ceil(cores * 100)}%`;
}
