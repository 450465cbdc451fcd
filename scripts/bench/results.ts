// What a bench has found, as it is written to JSON and as the table, the chart and the README read it.

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Row {
  readonly name: string;
  readonly kind: "ours" | "peer" | "floor";
  readonly seconds: Spread;
  /** Medians. */
  readonly cpuSeconds: number;
  readonly peakMegabytes?: number;
  /** Its median divided by that of our fastest row. */
  readonly ratio: number;
  /** Of the floor: the medians of what it is the largest of. */
  readonly parts?: Readonly<Record<string, number>>;
}

export interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

export interface ImageResult {
  readonly name: string;
  readonly about: string;
  readonly layers: number;
  readonly entries: number;
  readonly compressedMegabytes: number;
  readonly unpackedMegabytes: number;
  readonly rows: readonly Row[];
  readonly leftOut: readonly LeftOut[];
}

export interface Results {
  readonly machine: string;
  readonly rounds: number;
  readonly pageCacheDropped: boolean;
  readonly decoder: string;
  readonly programs: Readonly<Record<string, string>>;
  readonly images: readonly ImageResult[];
  /** How long the realistic image takes to start, in several ways. */
  readonly starts: readonly Row[];
}

/** One run's outcome. */
export interface Sample {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes?: number;
  readonly parts?: Readonly<Record<string, number>>;
}

export interface Samples {
  readonly name: string;
  readonly kind: Row["kind"];
  readonly samples: readonly Sample[];
}

/** A row for each that has samples, in the same order. */
export function rowsOf(all: readonly Samples[]): Row[] {
  const rows = all.filter(({ samples }) => samples.length > 0).map(rowOf);
  const ours = rows.filter(({ kind }) => kind === "ours").map(({ seconds }) => seconds.median);
  const fastest = Math.min(...ours);
  return rows.map((row) => ({ ...row, ratio: rounded(row.seconds.median / fastest) }));
}

export function spreadOf(values: readonly number[]): Spread {
  return {
    median: rounded(median(values)),
    min: rounded(Math.min(...values)),
    max: rounded(Math.max(...values)),
  };
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const half = sorted.length / 2;
  const middle = sorted.slice(Math.ceil(half) - 1, Math.floor(half) + 1);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

function rowOf({ name, kind, samples }: Samples): Row {
  const peaks = samples.flatMap(({ peakBytes }) =>
    peakBytes === undefined ? [] : [peakBytes / 1e6],
  );
  const parts = partsOf(samples);
  return {
    name,
    kind,
    seconds: spreadOf(samples.map(({ seconds }) => seconds)),
    cpuSeconds: rounded(median(samples.map(({ cpuSeconds }) => cpuSeconds))),
    ...(peaks.length === 0 ? {} : { peakMegabytes: Math.round(median(peaks)) }),
    ratio: 1,
    ...(parts === undefined ? {} : { parts }),
  };
}

function partsOf(samples: readonly Sample[]): Record<string, number> | undefined {
  const parts = samples.flatMap((sample) => (sample.parts === undefined ? [] : [sample.parts]));
  const names = Object.keys(parts[0] ?? {});
  if (names.length === 0) return undefined;
  const values = (name: string) => parts.map((part) => part[name] ?? 0);
  return Object.fromEntries(names.map((name) => [name, rounded(median(values(name)))]));
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
