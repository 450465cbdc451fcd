// The timed part: every contender and the floor, on every image, round after round, in an order that changes.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Contender, environmentOf } from "./contenders.ts";
import { type Decoder, floorProblem, measureFloor } from "./floor.ts";
import type { StoredImage } from "./image.ts";
import { measure, settleDisk } from "./measure.ts";
import type { LeftOut, Row, Sample, Samples } from "./results.ts";

export interface Course {
  readonly images: readonly StoredImage[];
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  /** `host:port` of the registry that has the images. */
  readonly host: string;
  readonly decoder: Decoder;
  /** Where every run gets a new directory. Nothing in it is removed: that would slow down the runs that follow. */
  readonly directory: string;
}

export interface Outcome {
  readonly image: StoredImage;
  readonly samples: readonly Samples[];
  readonly leftOut: readonly LeftOut[];
}

interface Entrant {
  readonly name: string;
  readonly kind: Row["kind"];
  readonly samples: Sample[];
  problem: string | undefined;
  run(directory: string): Promise<Sample>;
}

const FLOOR = "floor";

/** Runs them all; one that fails once is left out of that image from then on. */
export async function runRounds(
  course: Course,
  report: (line: string) => void,
): Promise<readonly Outcome[]> {
  const fields = course.images.map((image) => ({ image, entrants: entrantsFor(course, image) }));
  let runs = 0;
  for (let round = 0; round < course.rounds; round += 1) {
    for (const { image, entrants } of fields) {
      // Nobody always runs after the same one.
      for (const entrant of rotated(entrants, round)) {
        if (entrant.problem !== undefined) continue;
        const directory = join(course.directory, String((runs += 1)));
        mkdirSync(directory, { recursive: true });
        const said = await runOnce(entrant, directory);
        report(`${image.name}, round ${round + 1} of ${course.rounds}: ${entrant.name} ${said}`);
      }
    }
  }
  return fields.map(outcomeOf);
}

function entrantsFor({ contenders, host, decoder }: Course, image: StoredImage): Entrant[] {
  const entrants = contenders.map((contender): Entrant => ({
    name: contender.name,
    kind: contender.kind,
    samples: [],
    problem: contender.problem(),
    run: (directory) => runContender(contender, `${host}/${image.repository}`, directory),
  }));
  const floor: Entrant = {
    name: FLOOR,
    kind: "floor",
    samples: [],
    problem: floorProblem(),
    run: (directory) =>
      measureFloor({ image, host, directory, env: environmentOf(directory) }, decoder),
  };
  return [...entrants, floor];
}

async function runOnce(entrant: Entrant, directory: string): Promise<string> {
  try {
    const sample = await entrant.run(directory);
    entrant.samples.push(sample);
    return `${sample.seconds.toFixed(2)} s`;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    entrant.problem = `failed: ${message.replaceAll(directory, ".").replace(/\s+/g, " ")}`;
    return entrant.problem;
  }
}

async function runContender(
  contender: Contender,
  reference: string,
  directory: string,
): Promise<Sample> {
  const argv = contender.argv({ reference, directory });
  settleDisk();
  return measure({ argv, env: { ...environmentOf(directory), ...contender.env }, directory });
}

function outcomeOf(field: { image: StoredImage; entrants: readonly Entrant[] }): Outcome {
  const { image, entrants } = field;
  const leftOut = entrants.flatMap(({ name, problem }) =>
    problem === undefined ? [] : [{ name, reason: problem }],
  );
  const samples = entrants
    .filter(({ problem }) => problem === undefined)
    .map(({ name, kind, samples }) => ({ name, kind, samples }));
  return { image, samples, leftOut };
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
