// What each mode costs, as it is written to JSON and as the table and the README read it.

import { type LeftOut, median, type Spread, spreadOf } from "../results.ts";
import type { Rates, Sample } from "./run.ts";

export interface Figure extends Spread {
  /** Its median divided by that of Node alone. */
  readonly ratio: number;
}

export interface ModeRow {
  readonly name: string;
  /** Milliseconds until the first call is answered. */
  readonly start: Figure;
  /** Calls a second: of the echo tool on one connection and on many, and of the one that reads files. */
  readonly echo: Figure;
  readonly echoMany: Figure;
  readonly readFiles: Figure;
}

export interface ProbeRow {
  readonly user: string;
  /** Milliseconds that `doctor` takes longer than `--version`. */
  readonly milliseconds: Spread;
}

export interface ModesResults {
  readonly machine: string;
  readonly rounds: number;
  readonly startsPerRound: number;
  readonly programs: Readonly<Record<string, string>>;
  readonly imageMegabytes: number;
  /** The most that the measuring side needed of a core, on one connection and on many. */
  readonly clientCores: { readonly one: number; readonly many: number };
  /** Node alone is the first. */
  readonly rows: readonly ModeRow[];
  readonly leftOut: readonly LeftOut[];
  readonly probe: readonly ProbeRow[];
}

export interface WaySamples {
  readonly name: string;
  readonly samples: readonly Sample[];
}

/** A row for each; the first is what the others are compared with. */
export function modeRows(all: readonly WaySamples[]): readonly ModeRow[] {
  const [first] = all;
  if (first === undefined) return [];
  return all.map(({ name, samples }) => {
    const figure = (values: (samples: readonly Sample[]) => readonly number[]): Figure => {
      const spread = spreadOf(values(samples));
      return { ...spread, ratio: rounded(spread.median / median(values(first.samples))) };
    };
    return {
      name,
      start: figure((some) => some.map(({ startMs }) => startMs)),
      echo: figure((some) => perSecond(some, "echo")),
      echoMany: figure((some) => perSecond(some, "echoMany")),
      readFiles: figure((some) => perSecond(some, "readFiles")),
    };
  });
}

export function clientCores(all: readonly WaySamples[]): ModesResults["clientCores"] {
  const rates = all.flatMap(({ samples }) => ratesOf(samples));
  const most = (...names: readonly (keyof Rates)[]) =>
    rounded(Math.max(...rates.flatMap((each) => names.map((name) => each[name].clientCores))));
  return { one: most("echo", "readFiles"), many: most("echoMany") };
}

function perSecond(samples: readonly Sample[], name: keyof Rates): number[] {
  return ratesOf(samples).map((rates) => rates[name].perSecond);
}

function ratesOf(samples: readonly Sample[]): Rates[] {
  return samples.flatMap(({ rates }) => (rates === undefined ? [] : [rates]));
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
