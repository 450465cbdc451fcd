// Every place where the runner must work, with every kind of image, in every mode: what happens is what the README's
// table says, `auto` finds a mode wherever one works, and nothing is a mystery.

import { beforeAll, expect } from "bun:test";
import { writeSync } from "node:fs";
import written from "../../docs/places.json";
import { runMatrix } from "../../scripts/places/matrix.ts";
import {
  differences,
  type PlacesResults,
  problemsIn,
  resultsText,
} from "../../scripts/places/results.ts";
import { mountProblem, otherUserProblem, runModeProblem } from "../support/privileges.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { containerProblem } from "../support/runner-image.ts";
import { SAMPLE_IMAGES } from "../support/sample-images/sample-images.ts";

const MATRIX_MS = 600_000;
const STDOUT = 1;

const programs = Object.values(SAMPLE_IMAGES).flatMap(({ programs: needed }) => needed);
const problems = [
  containerProblem(),
  programProblem(...new Set([...programs, "setpriv"])),
  mountProblem(),
  otherUserProblem(),
  runModeProblem(1000),
];

let found: PlacesResults;

beforeAll(async () => {
  if (problems.some((problem) => problem !== undefined)) return;
  found = await runMatrix(show);
  show(resultsText(found));
}, MATRIX_MS);

unless(...problems)("the table in the README is what happens", () => {
  expect(differences(found, written as unknown as PlacesResults)).toEqual([]);
  expect(found.places.length).toBe(written.places.length);
});

unless(...problems)(
  "auto works wherever a mode does, and every refusal is the runner's own",
  () => {
    expect(problemsIn(found)).toEqual([]);
  },
);

function show(text: string): void {
  writeSync(STDOUT, `${text}\n`);
}
