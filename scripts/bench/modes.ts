// What each run mode costs a server: how long it takes to answer, and how many calls it answers, against the same
// server started without the runner. Round after round, in an order that changes.

import { chmodSync } from "node:fs";
import { join } from "node:path";
import { reasonOf } from "../../src/errors.ts";
import { describeMachine, versionOf } from "./machine.ts";
import { settleDisk } from "./measure.ts";
import { prepareGround } from "./modes/ground.ts";
import { buildModesImage } from "./modes/image.ts";
import { measureProbe, PROBE_MAX_MS } from "./modes/probe.ts";
import { clientCores, type ModesResults, modeRows } from "./modes/results.ts";
import { measureWay, type Sample } from "./modes/run.ts";
import { modesText } from "./modes/section.ts";
import { type Way, waysOn } from "./modes/ways.ts";

export interface ModesOptions {
  readonly binary: string;
  readonly rounds: number;
  /** PRoot's programs. */
  readonly proots: readonly string[];
  /** An empty directory for all that is written. */
  readonly directory: string;
}

interface Entrant {
  readonly way: Way;
  readonly samples: Sample[];
  problem: string | undefined;
}

type Report = (line: string) => void;

const STARTS_PER_ROUND = 3;
const RATE_SECONDS = 1;
const CLIENT_MAX_CORES = 0.8;

/** Measures them all; one that fails once is left out from then on. Throws when Node alone does. */
export async function benchModes(options: ModesOptions, report: Report): Promise<ModesResults> {
  const { binary, rounds, proots, directory } = options;
  // Other users pass through it.
  chmodSync(directory, 0o755);
  report("building the server's image");
  const { image, nodeVersion, megabytes } = await buildModesImage();
  const ground = prepareGround(image, binary, join(directory, "ground"));
  const ways = waysOn(ground, proots);
  const entrants = ways.map((way): Entrant => ({ way, samples: [], problem: way.problem }));
  settleDisk();
  await runAll(entrants, { rounds, directory: join(directory, "starts") }, report);
  const [alone] = entrants;
  if (alone?.problem !== undefined) throw new Error(`${alone.way.name}: ${alone.problem}`);
  const measured = entrants
    .filter(({ problem }) => problem === undefined)
    .map(({ way: { name }, samples }) => ({ name, samples }));
  const results: ModesResults = {
    machine: describeMachine(directory),
    rounds,
    startsPerRound: STARTS_PER_ROUND,
    programs: {
      Node: nodeVersion,
      "fastmcp-runner": versionOf([binary, "--version"]),
      ...versionsOf("unshare", "bwrap"),
    },
    imageMegabytes: megabytes,
    clientCores: clientCores(measured),
    rows: modeRows(measured),
    leftOut: entrants.flatMap(({ way: { name }, problem: reason }) =>
      reason === undefined ? [] : [{ name, reason }],
    ),
    probe: measureProbe(ground),
  };
  console.log(`\n${modesText(results)}`);
  return results;
}

/** What is wrong with the figures, if anything: that they are the client's, or that the probe costs too much. */
export function modesProblem({
  clientCores: { one, many },
  probe,
}: ModesResults): string | undefined {
  if (Math.max(one, many) > CLIENT_MAX_CORES) return "the measuring side limits what it measures";
  const slow = probe.find(({ milliseconds }) => milliseconds.median > PROBE_MAX_MS);
  return slow && `the probe takes ${slow.user} more than ${PROBE_MAX_MS} ms`;
}

interface Course {
  readonly rounds: number;
  readonly directory: string;
}

// Nothing is removed before the end: deleting slows down what is written after it.
async function runAll(
  entrants: readonly Entrant[],
  { rounds, directory }: Course,
  report: Report,
): Promise<void> {
  for (let round = 0; round <= rounds; round += 1) {
    for (const entrant of [...entrants.slice(round), ...entrants.slice(0, round)]) {
      const place = (start: number) =>
        join(directory, `${entrants.indexOf(entrant)}-${round}-${start}`);
      await runEntrant(entrant, { place, warmUp: round === 0 });
      report(`${round === 0 ? "warm-up" : `round ${round} of ${rounds}`}: ${said(entrant)}`);
    }
  }
}

interface Turn {
  readonly place: (start: number) => string;
  /** Fills the caches, and shows whether it works at all; its figures do not count. */
  readonly warmUp: boolean;
}

async function runEntrant(entrant: Entrant, { place, warmUp }: Turn): Promise<void> {
  if (entrant.problem !== undefined) return;
  try {
    if (warmUp) return void (await measureWay(entrant.way, place(0), undefined));
    for (let start = 1; start <= STARTS_PER_ROUND; start += 1) {
      const seconds = start === STARTS_PER_ROUND ? RATE_SECONDS : undefined;
      entrant.samples.push(await measureWay(entrant.way, place(start), seconds));
    }
  } catch (error) {
    entrant.problem = reasonOf(error);
  }
}

function said({ way: { name }, samples, problem }: Entrant): string {
  if (problem !== undefined) return `${name} is left out: ${problem}`;
  const { startMs, rates } = samples.at(-1) ?? {};
  if (rates === undefined) return `${name} works`;
  const { echo, echoMany, readFiles } = rates;
  const figures = [echo, echoMany, readFiles].map(
    ({ perSecond, clientCores: cores }) =>
      `${perSecond.toFixed(0)}/s (${cores.toFixed(2)} cores here)`,
  );
  return `${name} ${startMs?.toFixed(0)} ms, ${figures.join(", ")}`;
}

function versionsOf(...programs: readonly string[]): Record<string, string> {
  const found = programs.filter((program) => Bun.which(program) !== null);
  return Object.fromEntries(found.map((program) => [program, versionOf([program, "--version"])]));
}
