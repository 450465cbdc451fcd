// What no way of pulling an image can be faster than, measured: its resources one at a time, each used as well as we
// know how, and the processor time of all that work spread over all cores.

import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { StoredImage, StoredLayer } from "./image.ts";
import { measure, settleDisk, type Usage } from "./measure.ts";

/** How a program inflates files to nowhere. */
export interface Decoder {
  readonly name: string;
  readonly argv: readonly string[];
}

export interface FloorTask {
  readonly image: StoredImage;
  /** `host:port` of the registry. */
  readonly host: string;
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
}

/** What the parts took; the floor is the longest of download, inflate, write and processors. */
export interface Floor {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly parts: Readonly<Record<"download" | "inflate" | "write" | "processors", number>>;
}

const CORES = availableParallelism();
const WORK = [process.execPath, join(import.meta.dir, "work.ts")];
const DECODERS: readonly Decoder[] = [
  { name: "igzip", argv: ["igzip", "--decompress", "--stdout"] },
  { name: "libdeflate", argv: ["libdeflate-gunzip", "-c"] },
  { name: "pigz", argv: ["pigz", "--decompress", "--stdout"] },
  { name: "gzip", argv: ["gzip", "--decompress", "--stdout"] },
  { name: "Bun's zlib", argv: [...WORK, "inflate"] },
];

/** Why there can be no floor here, if so. */
export function floorProblem(): string | undefined {
  const missing = ["bash", "curl", "tar"].filter((program) => Bun.which(program) === null);
  return missing.length === 0 ? undefined : `${missing.join(", ")} not installed`;
}

/** The fastest decoder at hand, tried on this file. */
export function fastestDecoder(blob: string): Decoder {
  const tried = DECODERS.filter(({ argv: [program = ""] }) => Bun.which(program) !== null).map(
    (decoder) => ({ decoder, seconds: Math.min(...[1, 2, 3].map(() => trial(decoder, blob))) }),
  );
  const [best] = tried.sort((one, other) => one.seconds - other.seconds);
  if (best === undefined) throw new Error("there is nothing to inflate gzip with");
  return best.decoder;
}

/** Does all the work once, resource after resource. */
export async function measureFloor(task: FloorTask, decoder: Decoder): Promise<Floor> {
  const download = await part(task, "download", downloadAll(task), []);
  const blobs = task.image.layers.map(({ blob }) => blob);
  const inflate = await part(task, "inflate", inJobs(task, inflateJob(decoder)), blobs);
  const archives = task.image.layers.map(({ archive }) => archive);
  const digest = await part(task, "digest", inJobs(task, digestJob), [...blobs, ...archives]);
  const write = await part(task, "write", inJobs(task, writeJob), archives);
  const cpuSeconds = [download, inflate, digest, write].reduce(
    (sum, part) => sum + part.cpuSeconds,
    0,
  );
  const parts = {
    download: download.seconds,
    inflate: inflate.seconds,
    write: write.seconds,
    processors: cpuSeconds / CORES,
  };
  return { seconds: Math.max(...Object.values(parts)), cpuSeconds, parts };
}

// The files that a part reads are in memory: only what it is named for is measured.
async function part(
  { directory, env }: FloorTask,
  name: string,
  argv: readonly string[],
  inputs: readonly string[],
): Promise<Usage> {
  const own = join(directory, name);
  mkdirSync(own);
  settleDisk();
  for (const input of inputs) for await (const _ of Bun.file(input).stream());
  return measure({ argv, env, directory: own });
}

function downloadAll({ image, host }: FloorTask): string[] {
  const [repository] = image.repository.split(":");
  const urls = image.layers.map(({ digest }) => `http://${host}/v2/${repository}/blobs/${digest}`);
  const options = ["--silent", "--show-error", "--fail", "--parallel"];
  return ["curl", ...options, ...urls.flatMap((url) => ["--output", "/dev/null", url])];
}

type Job = (layers: readonly StoredLayer[]) => string;

function inflateJob({ argv }: Decoder): Job {
  return (layers) => `${quoted([...argv, ...layers.map(({ blob }) => blob)])} >/dev/null`;
}

function digestJob(layers: readonly StoredLayer[]): string {
  return quoted([...WORK, "digest", ...layers.flatMap(({ blob, archive }) => [blob, archive])]);
}

// A directory for each layer: in one, the processes would get in each other's way.
function writeJob(layers: readonly StoredLayer[]): string {
  const commands = layers.map(({ archive, diffId }) => {
    const root = diffId.replace(":", "-");
    return `mkdir -p ${root} && tar -xf ${quoted([archive])} -C ${root}`;
  });
  return commands.join(" && ");
}

/** A command that shares the layers out over one process for each core. */
function inJobs({ image }: FloorTask, job: Job): string[] {
  const script = `
    for job in "$@"; do bash -c "$job" & jobs+=($!); done
    for job in "\${jobs[@]}"; do wait "$job" || exit 1; done`;
  return ["bash", "-c", script, "bash", ...shares(image.layers).map(job)];
}

// The largest first, each to whoever has least to do.
function shares(layers: readonly StoredLayer[]): StoredLayer[][] {
  const processes = Array.from({ length: CORES }, () => ({
    bytes: 0,
    layers: [] as StoredLayer[],
  }));
  const bySize = layers.toSorted((one, other) => other.archiveBytes - one.archiveBytes);
  for (const layer of bySize) {
    const idlest = processes.reduce((one, other) => (other.bytes < one.bytes ? other : one));
    idlest.layers.push(layer);
    idlest.bytes += layer.archiveBytes;
  }
  return processes.map((process) => process.layers).filter((share) => share.length > 0);
}

function trial({ argv }: Decoder, blob: string): number {
  const started = performance.now();
  const run = Bun.spawnSync([...argv, blob], { stdout: "ignore" });
  return run.exitCode === 0 ? (performance.now() - started) / 1000 : Number.POSITIVE_INFINITY;
}

function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
}
