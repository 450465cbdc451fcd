// What a start costs, with a cache and without: from the start of the runner to the end of a server that says its
// environment and leaves. The page cache holds what the start before has left there, but for the first two.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { digestOf } from "../../src/oci/digest.ts";
import { tarArchive } from "../../test/support/tar-archive.ts";
import { environmentOf } from "./contenders.ts";
import type { StoredImage, StoredLayer } from "./image.ts";
import { measure, settleDisk, type Usage } from "./measure.ts";
import { rowsOf, type Row, type Sample } from "./results.ts";

export interface StartCourse {
  readonly binary: string;
  readonly rounds: number;
  /** `host:port/repository:tag` of the image, and the same with its manifest's digest. */
  readonly reference: string;
  readonly pinned: string;
  /** The same image with another uppermost layer. */
  readonly changed: string;
  /** Where every round gets a new directory, and with it a cache. */
  readonly directory: string;
}

interface Start {
  readonly name: string;
  readonly reference: string;
  readonly cached: boolean;
  /** The first start of anything: nothing is in memory. */
  readonly cold?: true;
  /** Starts in a round; of what takes milliseconds, one says little. */
  readonly times?: number;
}

/** The same image after its application has changed: all layers but the last. The new one is written to `directory`. */
export function withChangedTop(image: StoredImage, directory: string): StoredImage {
  mkdirSync(directory, { recursive: true });
  const content = `changed: ${crypto.randomUUID()}\n`;
  const bytes = tarArchive([{ path: "app/changed", content }]);
  const blobBytes = gzipSync(bytes);
  const archive = join(directory, "changed.tar");
  const blob = `${archive}.gz`;
  writeFileSync(archive, bytes);
  writeFileSync(blob, blobBytes);
  const top: StoredLayer = {
    archive,
    blob,
    diffId: digestOf(bytes),
    digest: digestOf(blobBytes),
    archiveBytes: bytes.byteLength,
    blobBytes: blobBytes.byteLength,
  };
  const repository = image.repository.replace(/:[^:]*$/, ":changed");
  return { ...image, repository, layers: [...image.layers.slice(0, -1), top] };
}

/** Starts it in each way, round after round. Throws when a start fails. */
export async function measureStarts(
  course: StartCourse,
  report: (line: string) => void,
): Promise<readonly Row[]> {
  const { reference, pinned, changed, rounds } = course;
  const starts: readonly Start[] = [
    { name: "without a cache", reference, cached: false, cold: true },
    { name: "first, filling the cache", reference, cached: true, cold: true },
    { name: "again, unchanged", reference, cached: true, times: 5 },
    { name: "again, by digest", reference: pinned, cached: true, times: 5 },
    { name: "again, one layer changed", reference: changed, cached: true },
  ];
  const samples = new Map<string, Sample[]>(starts.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    const cache = join(course.directory, `cache-${round}`);
    for (const [index, start] of starts.entries()) {
      // What the start before has left to be written is not this one's.
      if (start.cold) settleDisk();
      else Bun.spawnSync(["sync"]);
      for (let time = 0; time < (start.times ?? 1); time += 1) {
        const directory = join(course.directory, `${round}-${index}-${time}`);
        mkdirSync(directory, { recursive: true });
        const usage = await startOnce(course.binary, start, { directory, cache });
        samples.get(start.name)?.push(usage);
        report(`start ${start.name}, round ${round + 1}: ${Math.round(usage.seconds * 1000)} ms`);
      }
    }
  }
  return rowsOf(
    starts.map(({ name }) => ({ name, kind: "ours", samples: samples.get(name) ?? [] })),
  );
}

function startOnce(
  binary: string,
  { reference, cached }: Start,
  { directory, cache }: { readonly directory: string; readonly cache: string },
): Promise<Usage> {
  const env = {
    ...environmentOf(directory),
    MCP_TRANSPORT: "stdio",
    REGISTRY_CLIENT: "builtin",
    LOG_LEVEL: "warn",
    WORK_DIR: join(directory, "work"),
    ...(cached ? { CACHE_DIR: cache } : {}),
  };
  return measure({ argv: [binary, "run", reference], env, directory });
}
