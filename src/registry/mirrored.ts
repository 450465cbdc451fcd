// One image that several registries have: mirrors are asked in their order, and the registry itself when none of them
// helps. Knows neither networks nor passwords: each of them is a Registry with its own.

import { RunnerError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Registry } from "./registry.ts";

export interface MirrorRegistry {
  /** For messages. */
  readonly name: string;
  readonly registry: Registry;
}

export interface MirroredOptions {
  readonly origin: Registry;
  readonly mirrors: readonly MirrorRegistry[];
  /** Hears of every mirror that could not help, and why. One that lacks something is asked again for other things. */
  readonly onSkip: (name: string, reason: RunnerError) => void;
}

/**
 * A registry with mirrors before it. Which manifest a tag stands for, the first mirror that answers decides; what a
 * digest stands for, nobody can: whoever sends other bytes has failed.
 */
export function createMirrored({ origin, mirrors, onSkip }: MirroredOptions): Registry {
  const failed = new Set<MirrorRegistry>();

  function skip(mirror: MirrorRegistry, error: unknown): void {
    if (!(error instanceof RunnerError)) throw error;
    if (failed.has(mirror)) return;
    if (error.code !== "IMAGE_NOT_FOUND") failed.add(mirror);
    onSkip(mirror.name, error);
  }

  async function ask<T>(question: (registry: Registry) => Promise<T>): Promise<T> {
    for (const mirror of mirrors) {
      if (failed.has(mirror)) continue;
      try {
        const answer = await question(mirror.registry);
        if (answer !== undefined) return answer;
      } catch (error) {
        skip(mirror, error);
      }
    }
    return await question(origin);
  }

  return {
    client: origin.client,
    digest: () => ask((registry) => registry.digest()),
    manifest: (digest) => ask((registry) => registry.manifest(digest)),
    blob: (descriptor) => openAnywhere(descriptor, { origin, mirrors, failed, skip }),
    close() {
      for (const { registry } of mirrors) registry.close();
      origin.close();
    },
  };
}

interface Sources {
  readonly origin: Registry;
  readonly mirrors: readonly MirrorRegistry[];
  readonly failed: ReadonlySet<MirrorRegistry>;
  readonly skip: (mirror: MirrorRegistry, error: unknown) => void;
}

interface Opened {
  readonly reader: ReturnType<typeof readerOf>;
  /** Absent when it is the registry itself. */
  readonly mirror?: MirrorRegistry;
}

/** A blob that goes on in the next place, from the same byte, when the one that it comes from breaks off. */
async function openAnywhere(
  descriptor: Descriptor,
  sources: Sources,
): Promise<ReadableStream<Uint8Array>> {
  const places = openings(descriptor, sources);
  let source = await nextOf(places);
  let delivered = 0;
  let unwanted = 0;
  const read = async (): Promise<Uint8Array | undefined> => {
    try {
      return (await source.reader.read()).value;
    } catch (error) {
      if (source.mirror === undefined) throw error;
      sources.skip(source.mirror, error);
      source = await nextOf(places);
      unwanted = delivered;
      return new Uint8Array();
    }
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (let chunk = await read(); chunk !== undefined; chunk = await read()) {
          const fresh = chunk.subarray(unwanted);
          unwanted -= chunk.byteLength - fresh.byteLength;
          if (fresh.byteLength === 0) continue;
          delivered += fresh.byteLength;
          return controller.enqueue(fresh);
        }
        controller.close();
      },
      cancel: (reason) => source.reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

async function* openings(descriptor: Descriptor, sources: Sources): AsyncGenerator<Opened, Opened> {
  for (const mirror of sources.mirrors) {
    if (sources.failed.has(mirror)) continue;
    const body = await mirror.registry.blob(descriptor).catch((error: unknown) => {
      sources.skip(mirror, error);
    });
    if (body) yield { reader: readerOf(body), mirror };
  }
  return { reader: readerOf(await sources.origin.blob(descriptor)) };
}

async function nextOf(places: AsyncGenerator<Opened, Opened>): Promise<Opened> {
  return (await places.next()).value;
}

function readerOf(body: ReadableStream<Uint8Array>) {
  return body.getReader();
}
