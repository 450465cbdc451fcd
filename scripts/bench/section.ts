// The README's words and its chart about speed, from what the bench has found.

import { barChart } from "./chart.ts";
import type { Results, Row } from "./results.ts";

export const REALISTIC = "realistic";

/** The text above the table. */
export function speedText(results: Results): string {
  const { decoder, machine, pageCacheDropped, programs, rounds } = results;
  const versions = Object.entries(programs).map(([name, version]) => `${name} ${version}`);
  return [
    `![${chartText(results)}](docs/bench.svg)`,
    "",
    `Seconds, and how many times those of our faster row: medians of ${rounds} interleaved ${rounds === 1 ? "round" : "rounds"} on ${machine}. Each run has a new directory${pageCacheDropped ? " and an empty page cache" : ""}; the registry is docker-registry on loopback, on the same cores. The floor is what no client can beat: the longest of downloading all blobs, inflating them (${decoder}) and writing the files, each alone on all cores, and of the processor time of all that with both digests, divided by the cores. ${listOf(versions)}. \`bun run bench\` measures it on your machine.`,
  ].join("\n");
}

/** The text above the table of starts. */
export function startsParagraph({ rounds }: Results): string {
  return `From the start of the runner to the end of a server that prints its environment and leaves, with the built-in client: medians of ${rounds}. The first two begin with an empty page cache.`;
}

/** The chart of the realistic image, an SVG. */
export function speedChart(results: Results): string {
  const image = results.images.find(({ name }) => name === REALISTIC);
  if (image === undefined) throw new Error("the bench has no figures of the realistic image");
  const rounds = `${results.rounds} ${results.rounds === 1 ? "round" : "rounds"}`;
  const notes = [
    `Medians of ${rounds}; the line goes from the fastest to the slowest`,
    results.machine,
  ];
  return barChart(image, chartText(results), notes);
}

// The chart in a sentence, for who cannot see it.
function chartText({ images }: Results): string {
  const rows = images.find(({ name }) => name === REALISTIC)?.rows ?? [];
  return `Seconds to pull and unpack the realistic image: ${rows.map(inWords).join(", ")}`;
}

function inWords({ name, seconds }: Row): string {
  return `${name.replace("|", "to")} ${seconds.median.toFixed(2)}`;
}

function listOf(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
