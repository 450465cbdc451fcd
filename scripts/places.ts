// Starts every sample image in every place and every mode, and tells what works.
//
//   bun run places                     all places; writes docs/places.json and the README
//   bun run places NAME…               these places; writes nothing

import { join } from "node:path";
import { removePodmanStorage } from "../test/support/podman.ts";
import { runMatrix } from "./places/matrix.ts";
import { PLACES } from "./places/places.ts";
import { type PlacesResults, problemsIn, resultsText } from "./places/results.ts";

const ROOT = join(import.meta.dir, "..");

await main(process.argv.slice(2));

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.find((name) => !PLACES.some((place) => place.name === name));
  if (unknown !== undefined) {
    const known = PLACES.map(({ name }) => name).join(", ");
    throw new Error(`there is no place ${unknown}, but ${known}`);
  }
  const isWhole = names.length === 0;
  const places = PLACES.filter(({ name }) => isWhole || names.includes(name));
  const results = await tryPlaces(places);
  console.log(resultsText(results));
  const problems = problemsIn(results);
  if (problems.length > 0) throw new Error(`not to be published:\n${problems.join("\n")}`);
  if (isWhole) await write(results);
}

async function tryPlaces(places: typeof PLACES): Promise<PlacesResults> {
  try {
    return await runMatrix((line) => console.log(`▸ ${line}`), places);
  } finally {
    removePodmanStorage();
  }
}

async function write(results: PlacesResults): Promise<void> {
  const data = join(ROOT, "docs/places.json");
  await Bun.write(data, JSON.stringify(results));
  must([join(ROOT, "node_modules/.bin/oxfmt"), data]);
  must([process.execPath, join(ROOT, "scripts/docs.ts")]);
}

function must(argv: readonly string[]): void {
  const run = Bun.spawnSync([...argv]);
  if (run.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${run.stderr.toString()}`);
}
