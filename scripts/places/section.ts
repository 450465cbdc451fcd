// The README's tables of where the runner works, from what the matrix has found. Nothing in them is left blank.

import { SAMPLE_IMAGES, SAMPLE_NAMES } from "../../test/support/sample-images/sample-images.ts";
import {
  ASKED_MODES,
  type AskedMode,
  type Cell,
  cellOf,
  type PlaceResult,
  type PlacesResults,
} from "./results.ts";

type Rows = readonly (readonly string[])[];

export interface PlacesTables {
  /** A line an image: its column's head, and what it is. */
  readonly images: readonly string[];
  /** A line a place: the mode that `auto` takes for each image. */
  readonly auto: Rows;
  /** A line for the modes of a place that are alike. */
  readonly modes: Rows;
  /** What the numbers in the tables stand for, the first being 1. */
  readonly reasons: readonly string[];
}

const HEAD = SAMPLE_NAMES.map((name) => SAMPLE_IMAGES[name].title);

export function placesTables({ places }: PlacesResults): PlacesTables {
  const reasons = new Numbering();
  const row = (place: PlaceResult, mode: AskedMode) =>
    SAMPLE_NAMES.map((image) => shortCell(cellOf(place, mode, image), mode, reasons));
  const auto = places.map((place) => [place.title, ...row(place, "auto")]);
  const asked = ASKED_MODES.filter((mode) => mode !== "auto");
  const modes = places.flatMap((place) =>
    alike(asked.map((mode) => [mode, row(place, mode)] as const)).map(([names, cells]) => [
      place.title,
      names.map((name) => `\`${name}\``).join(", "),
      ...cells,
    ]),
  );
  return {
    images: SAMPLE_NAMES.map(
      (name) => `${SAMPLE_IMAGES[name].title}: ${SAMPLE_IMAGES[name].about}`,
    ),
    auto: [["Place", ...HEAD], ...auto],
    modes: [["Place", "`RUN_MODE`", ...HEAD], ...modes],
    reasons: reasons.texts,
  };
}

/** Gives each text a number, the same text the same. */
class Numbering {
  readonly texts: string[] = [];

  numberOf(text: string): number {
    if (!this.texts.includes(text)) this.texts.push(text);
    return this.texts.indexOf(text) + 1;
  }
}

function shortCell(cell: Cell, asked: AskedMode, reasons: Numbering): string {
  if ("mode" in cell) return asked === "auto" ? `\`${cell.mode}\`` : "works";
  if ("fault" in cell)
    throw new Error(`a fault of the runner is not to be published: ${cell.fault}`);
  // The row says already which mode it is.
  const why = cell.why.replace(/^run mode \w+ does not work here: /, "");
  return `no (${reasons.numberOf(`${why} [\`${cell.code}\`]`)})`;
}

/** Joins the modes whose rows are the same, in the place of the first. */
function alike(
  rows: readonly (readonly [AskedMode, readonly string[]])[],
): readonly (readonly [readonly AskedMode[], readonly string[]])[] {
  const groups = new Map<string, [AskedMode[], readonly string[]]>();
  for (const [mode, texts] of rows) {
    const key = texts.join("\n");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [[mode], texts]);
    else group[0].push(mode);
  }
  return [...groups.values()];
}
