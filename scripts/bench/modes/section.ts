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
    `An MCP server (the official SDK, Node ${node}), started by the runner (with \`SERVER_TRANSPORT=http\`: nothing stands in front of it) and without it: milliseconds until it has answered its first call, and calls that it then answers in a second, of a tool that echoes and of one that reads 1,000 files of 1 KB one after another. Medians of ${rounds} interleaved rounds with ${startsPerRound} starts each on ${machine}. In brackets how many times the figure of Node alone; its own rates lie between ${noise(results)} times their median, so a smaller difference says nothing. It and \`loader\` have longer names for the files than \`/app\`, and find them a little later.`,
    `The image has ${imageMegabytes} MB, most of it Node, and lies in a layout on disk; \`CACHE_DIR\` has its tree. Over that \`chroot\` and \`userns\` lay the server's changes, while \`proot\`, \`loader\` and a \`chroot\` in which nothing can be mounted copy it first, and \`overlay\` copies \`/app\`. \`baked\` and \`overlay\` start in a root that is there already, without the time that a container takes. No seccomp rules hold here. The client shares the cores with the server and its tracer, and needs at most ${percent(clientCores.one)} of one, or ${percent(clientCores.many)} with ${MANY} connections. ${versions.join(", ")}; \`bun run bench --modes\` measures it on your machine.`,
  ].join("\n\n");
}

/** A line a way to start. */
export function modesTable({ rows }: ModesResults): readonly (readonly string[])[] {
  const lines = rows.map((row, index) => [
    modeName(row.name),
    ...COLUMNS.map((column) => {
      const text = column === "start" ? milliseconds(row[column]) : perSecond(row[column]);
      return index === 0 ? text : `${text} (${times(row[column].ratio)})`;
    }),
  ]);
  return [["Mode", "First answer", "echo", `echo, ${MANY} connections`, "1,000 files"], ...lines];
}

/** What finding out costs, in a sentence. */
export function probeSentence({ probe }: ModesResults): string {
  const costs = probe.map(
    ({ user, milliseconds: { median } }) => `${Math.ceil(median)} ms as ${user}`,
  );
  return `Finding out what works here costs a start no more than ${costs.join(" and ")}: by so much \`doctor\` takes longer than \`--version\`.`;
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

// The least and the most of the rates that there is nothing to compare with.
function noise({ rows: [alone] }: ModesResults): string {
  const rates = alone === undefined ? [] : [alone.echo, alone.echoMany, alone.readFiles];
  const least = Math.min(...rates.map(({ min, median }) => min / median));
  const most = Math.max(...rates.map(({ max, median }) => max / median));
  return `${least.toFixed(1)} and ${most.toFixed(1)}`;
}

// One figure that means something is enough.
function times(ratio: number): string {
  return `${ratio.toFixed(ratio < 0.1 ? 2 : 1)}×`;
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
