// What the matrix has found, as it is written to JSON and as the tables read it.

import { RUN_MODES, type RunModeChoice } from "../../src/launch/run-mode.ts";
import { SAMPLE_NAMES, type SampleName } from "../../test/support/sample-images/sample-images.ts";

export type AskedMode = Exclude<RunModeChoice, "baked">;

/** The modes that a start can ask for. `baked` is a root of its own kind, which none of these places is. */
export const ASKED_MODES: readonly AskedMode[] = RUN_MODES.filter((mode) => mode !== "baked");

export type Cell =
  /** The server ran, in this mode, and told what it should. */
  | { readonly mode: string }
  /** The runner refused, with this code and sentence. */
  | { readonly code: string; readonly why: string }
  /** Neither: a fault of the runner, which no published table has. */
  | { readonly fault: string };

/** The images for which a place and a mode come to the same. */
export interface Outcome {
  readonly images: readonly SampleName[];
  readonly cell: Cell;
}

export interface PlaceResult {
  readonly name: string;
  readonly title: string;
  readonly outcomes: Readonly<Record<AskedMode, readonly Outcome[]>>;
}

export interface PlacesResults {
  readonly places: readonly PlaceResult[];
}

/** Puts together what is the same. */
export function outcomesOf(cellFor: (image: SampleName) => Cell): readonly Outcome[] {
  const groups = Map.groupBy(SAMPLE_NAMES, (image) => JSON.stringify(cellFor(image)));
  return [...groups].map(([text, images]) => ({ images, cell: JSON.parse(text) as Cell }));
}

export function cellOf({ outcomes }: PlaceResult, mode: AskedMode, image: SampleName): Cell {
  const found = outcomes[mode].find(({ images }) => images.includes(image));
  return found?.cell ?? { fault: "it was not tried" };
}

/** A cell in one line, for a terminal. */
export function cellText(cell: Cell): string {
  if ("mode" in cell) return `works in ${cell.mode}`;
  return "fault" in cell ? `FAULT: ${cell.fault}` : `${cell.code}: ${cell.why}`;
}

/** All of it, a line an outcome. */
export function resultsText({ places }: PlacesResults): string {
  const lines = places.flatMap(({ title, outcomes }) => [
    title,
    ...ASKED_MODES.flatMap((mode) =>
      outcomes[mode].map(({ images, cell }) => {
        const which = images.length === SAMPLE_NAMES.length ? "all images" : images.join(", ");
        return `  ${mode.padEnd(8)} ${which}: ${cellText(cell)}`;
      }),
    ),
  ]);
  return lines.join("\n");
}

/** What must not be published: cells that are faults, and places where `auto` fails although another mode works. */
export function problemsIn({ places }: PlacesResults): readonly string[] {
  return places.flatMap((place) =>
    ASKED_MODES.flatMap((asked) =>
      SAMPLE_NAMES.flatMap((image) => {
        const cell = cellOf(place, asked, image);
        const where = `${place.name}, RUN_MODE=${asked}, ${image}`;
        if ("fault" in cell) return [`${where}: ${cell.fault}`];
        const other = ASKED_MODES.find((mode) => "mode" in cellOf(place, mode, image));
        return asked === "auto" && "code" in cell && other !== undefined
          ? [`${where}: ${other} works, but it says ${cell.code}: ${cell.why}`]
          : [];
      }),
    ),
  );
}

/** The cells in which these results are not those. */
export function differences(found: PlacesResults, written: PlacesResults): readonly string[] {
  return found.places.flatMap((place) => {
    const other = written.places.find(({ name }) => name === place.name);
    if (other?.title !== place.title) return [`${place.name} is not in the table`];
    return ASKED_MODES.flatMap((mode) =>
      SAMPLE_NAMES.flatMap((image) => {
        const [now, then] = [place, other].map((one) => cellText(cellOf(one, mode, image)));
        return now === then
          ? []
          : [`${place.name}, RUN_MODE=${mode}, ${image}: ${now}, not ${then}`];
      }),
    );
  });
}
