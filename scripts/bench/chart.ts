// The bar chart of the realistic image: an SVG without script, legible in light and dark and to screen readers.

import type { ImageResult, Row } from "./results.ts";

const WIDTH = 760;
const MARGIN = 24;
const LABELS = 220;
const VALUES = 130;
const TOP = 94;
const STEP = 38;
const BAR = 22;

const STYLE = `
    .ground { fill: #ffffff; stroke: #d0d7de; }
    text { fill: #1f2328; font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; }
    .title { font-size: 17px; font-weight: 600; }
    .note { fill: #59636e; font-size: 12px; }
    .ours { fill: #0969da; }
    .peer { fill: #8c959f; }
    .floor { fill: none; stroke: #59636e; stroke-dasharray: 4 3; }
    .spread { stroke: #1f2328; stroke-width: 1.5; }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #0d1117; stroke: #3d444d; }
      text { fill: #f0f6fc; }
      .note { fill: #9198a1; }
      .ours { fill: #4493f8; }
      .peer { fill: #656c76; }
      .floor { stroke: #9198a1; }
      .spread { stroke: #f0f6fc; }
    }
  `;

/** The whole file; `description` says the same in a sentence, `notes` are the lines below the title. */
export function barChart(
  image: ImageResult,
  description: string,
  notes: readonly string[],
): string {
  const height = TOP + image.rows.length * STEP + MARGIN / 2;
  const longest = Math.max(...image.rows.map(({ seconds }) => seconds.max));
  const scale = (WIDTH - 2 * MARGIN - LABELS - VALUES) / longest;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title description">`,
    `  <title id="title">Seconds to pull and unpack an image</title>`,
    `  <desc id="description">${escaped(description)}</desc>`,
    `  <style>${STYLE}</style>`,
    `  <rect class="ground" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8" />`,
    `  <text class="title" x="${MARGIN}" y="34">Seconds to pull and unpack an image of ${image.unpackedMegabytes} MB</text>`,
    ...notes.map(
      (note, line) =>
        `  <text class="note" x="${MARGIN}" y="${55 + line * 18}">${escaped(note)}</text>`,
    ),
    ...image.rows.map((row, index) => bar(row, TOP + index * STEP, scale)),
    "</svg>",
    "",
  ].join("\n");
}

function bar({ name, kind, seconds, ratio }: Row, top: number, scale: number): string {
  const left = MARGIN + LABELS;
  const middle = top + BAR / 2;
  const at = (value: number) => (left + value * scale).toFixed(1);
  const baseline = middle + 5;
  const times = kind === "ours" && ratio === 1 ? "" : `, ${ratio.toFixed(1)}×`;
  return [
    `  <text x="${left - 12}" y="${baseline}" text-anchor="end">${escaped(name)}</text>`,
    `  <rect class="${kind}" x="${left}" y="${top}" width="${(seconds.median * scale).toFixed(1)}" height="${BAR}" rx="3" />`,
    `  <path class="spread" d="M${at(seconds.min)} ${middle}H${at(seconds.max)}" />`,
    `  <text x="${Number(at(seconds.max)) + 10}" y="${baseline}">${seconds.median.toFixed(2)} s${times}</text>`,
  ].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
