// Times this runner's `pull` against its peers and against the floor, on images built here, from a real registry; or a
// server in each run mode; or one that is reached through gateways.
//
//   bun run bench                      all images, 5 rounds; writes docs/bench.json, docs/bench.svg and the README
//   bun run bench --quick              the realistic image, 1 round; writes nothing
//   bun run bench --modes              what each run mode costs the server; writes docs/modes.json and the README
//   bun run bench --gateway            what it costs to go through a gateway; writes docs/gateway.json and the README
//   … --proot PATH                     a PRoot to compare, and may be repeated; default: the one on PATH
//   … --rounds N  --image NAME         NAME may be repeated; without all images nothing is written either
//   … --binary PATH                    a runner that has been compiled before, instead of this one
//   … --directory PATH                 on the file system to be measured; default: in node_modules/.cache
//   … --write                          writes in any case

import { mkdirSync, mkdtempSync, statfsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { removeTree } from "../src/system/private-directory.ts";
import { type DockerRegistry, startDockerRegistry } from "../test/support/docker-registry.ts";
import { contenders, type Contender } from "./bench/contenders.ts";
import { fastestDecoder } from "./bench/floor.ts";
import { removeOutdated, servedImage, storedImage, type StoredImage } from "./bench/image.ts";
import { describeMachine, versionOf } from "./bench/machine.ts";
import { benchGateways, gatewayProblem } from "./bench/gateway.ts";
import { measureProblem, settleDisk } from "./bench/measure.ts";
import { benchModes, modesProblem } from "./bench/modes.ts";
import { realisticRecipe } from "./bench/realistic.ts";
import { type Results, rowsOf } from "./bench/results.ts";
import { type Outcome, runRounds } from "./bench/rounds.ts";
import { REALISTIC } from "./bench/section.ts";
import { measureStarts, withChangedTop } from "./bench/starts.ts";
import { SYNTHETIC } from "./bench/synthetic.ts";
import { startsText, textTable } from "./bench/table.ts";
import { buildRunner, hostTarget } from "./build.ts";

interface Options {
  readonly rounds: number;
  readonly names: readonly string[];
  /** Something else than pulling. */
  readonly other: Other | undefined;
  readonly proots: readonly string[];
  readonly binary: string | undefined;
  readonly directory: string;
  readonly write: boolean;
}

type Other = "modes" | "gateway";

const ROOT = join(import.meta.dir, "..");
const CACHE = join(ROOT, "node_modules/.cache/fastmcp-runner-bench");
const DEFAULT_ROUNDS = 5;

const RECIPES = [realisticRecipe(), ...SYNTHETIC];

type Course = Omit<Options, "binary"> & { readonly binary: string };

const OTHERS = {
  async modes(course: Course) {
    const results = await benchModes(course, show);
    return { results, problem: modesProblem(results) };
  },
  async gateway(course: Course) {
    const results = await benchGateways(course, show);
    return { results, problem: gatewayProblem(results) };
  },
};

const options = parseOptions();
await (options.other === undefined ? main(options) : only(options.other, options));

async function only(other: Other, options: Options): Promise<void> {
  mkdirSync(options.directory, { recursive: true });
  const directory = mkdtempSync(join(options.directory, `${other}-`));
  try {
    const binary = options.binary ?? (await compile(directory));
    const course = { ...options, binary, directory };
    const { results, problem } = await OTHERS[other](course);
    if (options.write) await write(`docs/${other}.json`, results);
    if (problem !== undefined) throw new Error(problem);
  } finally {
    removeTree(directory);
  }
}

async function main(options: Options): Promise<void> {
  const problem = measureProblem() ?? missing("docker-registry", "tar", "gzip", "dpkg-query");
  if (problem !== undefined) throw new Error(problem);
  const cache = join(options.directory, "images");
  mkdirSync(cache, { recursive: true });
  const runs = mkdtempSync(join(options.directory, "runs-"));
  try {
    const outcome = await bench(options, cache, runs);
    if (options.write) await write("docs/bench.json", outcome);
  } finally {
    // Only now: deleting slows down what is written after it.
    removeTree(runs);
    removeOutdated(cache);
  }
}

async function bench(options: Options, cache: string, runs: string): Promise<Results> {
  const images: StoredImage[] = [];
  for (const recipe of RECIPES.filter(({ name }) => options.names.includes(name))) {
    show(`preparing the image "${recipe.name}"`);
    images.push(await storedImage(recipe, cache));
  }
  checkSpace(images, options.rounds, runs);
  const binary = options.binary ?? (await compile(runs));
  await using registry = await startDockerRegistry();
  await pushAll(registry, images);
  const decoder = fastestDecoder(largestBlob(images));
  show(`inflating for the floor with ${decoder.name}`);
  const field = contenders(binary);
  const course = { images, contenders: field, rounds: options.rounds, host: registry.host };
  const outcomes = await runRounds({ ...course, decoder, directory: runs }, show);
  const starts = await benchStarts({ images, binary, registry, rounds: options.rounds, runs });
  const results: Results = {
    machine: describeMachine(runs),
    rounds: options.rounds,
    pageCacheDropped: settleDisk(),
    decoder: decoder.name,
    programs: versionsOf(field),
    images: outcomes.map(imageResult),
    starts,
  };
  for (const image of results.images) console.log(`\n${textTable(image)}`);
  console.log(`\n${startsText(starts)}`);
  if (!results.images.every(hasOurs)) throw new Error("the runner itself has failed");
  return results;
}

interface StartOptions {
  readonly images: readonly StoredImage[];
  readonly binary: string;
  readonly registry: DockerRegistry;
  readonly rounds: number;
  readonly runs: string;
}

// Of the realistic image, which alone has a program to start.
async function benchStarts(options: StartOptions): Promise<Results["starts"]> {
  const { images, binary, registry, rounds, runs } = options;
  const image = images.find(({ name }) => name === REALISTIC);
  if (image === undefined) return [];
  const directory = join(runs, "starts");
  const changed = withChangedTop(image, directory);
  await registry.push(changed.repository, servedImage(changed));
  const reference = `${registry.host}/${image.repository}`;
  const pinned = reference.replace(/:[^:/]*$/, `@${servedImage(image).root.digest}`);
  const course = { reference, pinned, changed: `${registry.host}/${changed.repository}` };
  return measureStarts({ ...course, binary, rounds, directory }, show);
}

async function compile(directory: string): Promise<string> {
  show("compiling the runner");
  const outfile = join(directory, "fastmcp-runner");
  await buildRunner({ target: hostTarget(), commit: "unknown", outfile });
  return outfile;
}

function imageResult({ image, samples, leftOut }: Outcome): Results["images"][number] {
  const total = (key: "archiveBytes" | "blobBytes") =>
    Math.round(image.layers.reduce((sum, layer) => sum + layer[key], 0) / 1e6);
  return {
    name: image.name,
    about: image.about,
    layers: image.layers.length,
    entries: image.entries,
    compressedMegabytes: total("blobBytes"),
    unpackedMegabytes: total("archiveBytes"),
    rows: rowsOf(samples),
    leftOut,
  };
}

function hasOurs({ rows }: Results["images"][number]): boolean {
  return rows.some(({ kind }) => kind === "ours");
}

async function pushAll(registry: DockerRegistry, images: readonly StoredImage[]): Promise<void> {
  for (const image of images) await registry.push(image.repository, servedImage(image));
}

async function write(name: string, results: object): Promise<void> {
  const data = join(ROOT, name);
  await Bun.write(data, JSON.stringify(results));
  must([join(ROOT, "node_modules/.bin/oxfmt"), data]);
  must([process.execPath, join(ROOT, "scripts/docs.ts")]);
}

function versionsOf(field: readonly Contender[]): Record<string, string> {
  const programs = field
    .filter((contender) => contender.problem() === undefined)
    .flatMap((contender) => Object.entries(contender.programs));
  return Object.fromEntries(programs.map(([name, argv]) => [name, versionOf(argv)]));
}

function largestBlob(images: readonly StoredImage[]): string {
  const layers = images.flatMap((image) => image.layers);
  return layers.reduce((one, other) => (other.blobBytes > one.blobBytes ? other : one)).blob;
}

// Nothing is removed before the end, so all runs must find room at once: five trees, two sets of blobs and the floor's
// tree, in blocks of 4 KB.
function checkSpace(images: readonly StoredImage[], rounds: number, directory: string): void {
  const each = images.map(({ layers, entries }) =>
    layers.reduce(
      (sum, layer) => sum + 6 * layer.archiveBytes + 2 * layer.blobBytes,
      24_000 * entries,
    ),
  );
  const needed = rounds * each.reduce((sum, bytes) => sum + bytes, 0) + 2e9;
  const { bavail, bsize } = statfsSync(directory);
  const gigabytes = (bytes: number) => `${Math.ceil(bytes / 1e9)} GB`;
  show(`${gigabytes(needed)} of disk will be used, ${gigabytes(bavail * bsize)} are free`);
  if (needed > bavail * bsize) throw new Error("that is too much: choose fewer --rounds");
}

function parseOptions(): Options {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      image: { type: "string", multiple: true },
      modes: { type: "boolean", default: false },
      gateway: { type: "boolean", default: false },
      proot: { type: "string", multiple: true, default: [Bun.which("proot") ?? []].flat() },
      binary: { type: "string" },
      directory: { type: "string", default: CACHE },
      write: { type: "boolean", default: false },
    },
  });
  const names = values.image ?? (values.quick ? [REALISTIC] : RECIPES.map(({ name }) => name));
  const unknown = names.find((name) => !RECIPES.some((recipe) => recipe.name === name));
  if (unknown !== undefined) {
    throw new Error(
      `there is no image "${unknown}", but ${RECIPES.map(({ name }) => `"${name}"`).join(", ")}`,
    );
  }
  const rounds = Number(values.rounds ?? (values.quick ? 1 : DEFAULT_ROUNDS));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds must be a whole number");
  const isWhole = !values.quick && names.length === RECIPES.length;
  return {
    rounds,
    names,
    other: values.modes ? "modes" : values.gateway ? "gateway" : undefined,
    proots: values.proot.map((path) => resolve(path)),
    binary: values.binary && resolve(values.binary),
    directory: resolve(values.directory),
    write: values.write || isWhole,
  };
}

function missing(...programs: readonly string[]): string | undefined {
  const absent = programs.filter((program) => Bun.which(program) === null);
  return absent.length === 0 ? undefined : `not installed: ${absent.join(", ")}`;
}

function must(argv: readonly string[]): void {
  const run = Bun.spawnSync([...argv]);
  if (run.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${run.stderr.toString()}`);
}

function show(line: string): void {
  console.log(`▸ ${line}`);
}
