// Every place with every image in every mode: prepares what the starts need, runs them a place at a time on each core,
// and judges what they wrote.

import { chmodSync, copyFileSync, mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { layoutFiles, writeFiles } from "../../test/support/disk-image.ts";
import { ORDINARY_USER } from "../../test/support/privileges.ts";
import { runnerBinary } from "../../test/support/runner-binary.ts";
import { buildRunnerImage } from "../../test/support/runner-image.ts";
import {
  buildSampleImage,
  SAMPLE_IMAGES,
  SAMPLE_NAMES,
  type SampleName,
} from "../../test/support/sample-images/sample-images.ts";
import { tempDir } from "../../test/support/temp-dir.ts";
import { buildBareBase } from "./bare-base.ts";
import { judge, parseStarts } from "./judge.ts";
import { type Place, PLACES, type Scene, STAGE } from "./places.ts";
import {
  ASKED_MODES,
  type AskedMode,
  type Cell,
  outcomesOf,
  type PlaceResult,
  type PlacesResults,
} from "./results.ts";

type Report = (line: string) => void;

/** Tries these places, all by default. */
export async function runMatrix(
  report: Report,
  places: readonly Place[] = PLACES,
): Promise<PlacesResults> {
  using directory = tempDir("fastmcp-runner-places-");
  chmodSync(directory.path, 0o755);
  const stage = directory.file("stage");
  await prepareStage(stage, report);
  const results = new Map<Place, PlaceResult>();
  const waiting = [...places];
  const work = async () => {
    for (let place = waiting.shift(); place !== undefined; place = waiting.shift()) {
      const started = performance.now();
      results.set(place, await runPlace(place, { stage, own: directory.file(place.name) }));
      report(`${place.title}: ${Math.round((performance.now() - started) / 1000)} s`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return { places: places.flatMap((place) => results.get(place) ?? []) };
}

async function prepareStage(stage: string, report: Report): Promise<void> {
  mkdirSync(stage);
  copyFileSync(join(import.meta.dir, STAGE.starts), join(stage, STAGE.starts));
  for (const name of SAMPLE_NAMES) {
    const image = buildSampleImage(SAMPLE_IMAGES[name]);
    writeFiles(join(stage, STAGE.images, name), layoutFiles({ image }));
  }
  report("the sample images are made");
  const binary = await runnerBinary();
  copyFileSync(binary, join(stage, STAGE.runner));
  chmodSync(join(stage, STAGE.runner), 0o755);
  await buildRunnerImage();
  await buildBareBase(binary);
  report("the runner and its container image are made");
}

async function runPlace(place: Place, scene: Scene): Promise<PlaceResult> {
  mkdirSync(scene.own, { mode: 0o711 });
  const starts = ASKED_MODES.flatMap((mode) => SAMPLE_NAMES.map((name) => `${name}:${mode}`));
  const child = Bun.spawn([...place.command(scene), ...starts], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const found = new Map(parseStarts(stdout).map((start) => [start.start, start]));
  const cellFor = (mode: AskedMode, name: SampleName): Cell => {
    const start = found.get(`${name}:${mode}`);
    return start === undefined
      ? { fault: `it was not started: ${stderr.trim()}` }
      : judge(start, { sample: SAMPLE_IMAGES[name], uid: ORDINARY_USER });
  };
  const outcomes = ASKED_MODES.map(
    (mode) => [mode, outcomesOf((name) => cellFor(mode, name))] as const,
  );
  // Object.fromEntries forgets which keys there are.
  const record = Object.fromEntries(outcomes) as PlaceResult["outcomes"];
  return { name: place.name, title: place.title, outcomes: record };
}
