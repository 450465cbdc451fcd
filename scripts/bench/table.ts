// The results in text: for the terminal in full, for the README in short.

import type { ImageResult, Results, Row } from "./results.ts";

/** Every row of an image with all its figures. */
export function textTable(image: ImageResult): string {
  const head = ["", "seconds [min..max]", "CPU s", "peak MB", "times ours"];
  const cells = image.rows.map((row) => [
    row.name,
    `${seconds(row.seconds.median)} [${seconds(row.seconds.min)}..${seconds(row.seconds.max)}]`,
    seconds(row.cpuSeconds),
    row.peakMegabytes?.toString() ?? "",
    row.ratio.toFixed(2),
  ]);
  const widths = head.map((_, column) =>
    Math.max(...[head, ...cells].map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join("  ");
  return [
    `${image.name}: ${image.about}`,
    `${image.layers} layers, ${image.entries} entries, ${image.compressedMegabytes} MB, unpacked ${image.unpackedMegabytes} MB`,
    ...[head, ...cells].map((row) => `  ${line(row)}`.trimEnd()),
    ...image.rows.flatMap(floorLine),
    ...image.leftOut.map(({ name, reason }) => `  left out: ${name} (${reason})`),
  ].join("\n");
}

/** The starts with all their figures. */
export function startsText(starts: readonly Row[]): string {
  const lines = starts.map(({ name, seconds: { median, min, max }, peakMegabytes }) =>
    [name.padEnd(26), ...[median, min, max].map(milliseconds), `${peakMegabytes} MB`].join("  "),
  );
  return [
    "starts: median, fastest, slowest, peak memory",
    ...lines.map((line) => `  ${line}`),
  ].join("\n");
}

/** A line a way to start. */
export function startsTable(starts: readonly Row[]): readonly (readonly string[])[] {
  const lines = starts.map(({ name, seconds }) => [name, milliseconds(seconds.median).trim()]);
  return [["Start of the first image", "Time"], ...lines];
}

/** The names of the rows that any image has, in order. */
export function rowNames({ images }: Results): string[] {
  return [...new Set(images.flatMap(({ rows }) => rows.map(({ name }) => name)))];
}

/** A line an image, a column a row: `1.31 s`, and for the others how many times that of our fastest. */
export function summaryTable(results: Results): readonly (readonly string[])[] {
  const names = rowNames(results);
  const lines = results.images.map((image) => [
    image.about,
    ...names.map((name) => cell(image.rows.find((row) => row.name === name))),
  ]);
  return [["Image", ...names.map(escaped)], ...lines];
}

function cell(row: Row | undefined): string {
  if (row === undefined) return "–";
  const time = `${seconds(row.seconds.median)} s`;
  return row.kind === "ours" ? time : `${time} (${row.ratio.toFixed(1)}×)`;
}

function floorLine({ name, parts }: Row): string[] {
  if (parts === undefined) return [];
  const figures = Object.entries(parts).map(([part, value]) => `${part} ${seconds(value)}`);
  return [`  ${name} is the largest of: ${figures.join(", ")}`];
}

function milliseconds(value: number): string {
  return `${Math.round(value * 1000)} ms`.padStart(8);
}

function seconds(value: number): string {
  return value.toFixed(2);
}

function escaped(name: string): string {
  return name.includes("|") ? `\`${name}\`` : name;
}

function pad(text: string, width: number, column: number): string {
  return column === 0 ? text.padEnd(width) : text.padStart(width);
}
