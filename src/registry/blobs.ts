// The blobs of one image: out of the manifest itself, from the registry, or from where the image says that they are
// too. Knows no passwords: whoever sends the requests does.

import { RunnerError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { downloadBlob } from "./blob-download.ts";
import type { BlobSource } from "./blob-request.ts";
import { DownloadSlots } from "./download-slots.ts";
import { answerRefusal } from "./message-refusal.ts";
import { AheadBudget } from "./ranges-ahead.ts";
import { parseBlobUrl } from "./redirect.ts";
import { discard, type Answer } from "./request.ts";
import type { Session } from "./session.ts";

/** Opens a blob as `downloadBlob` does. */
export type OpenBlob = (blob: Descriptor) => Promise<ReadableStream<Uint8Array>>;

type Ask = BlobSource["ask"];

/** The blobs of the session's image, with at most so many requests at once. */
export function createBlobs(session: Session, concurrency: number): OpenBlob {
  const { patience } = session;
  const shared = { patience, slots: new DownloadSlots(concurrency), budget: new AheadBudget() };
  return async (blob) => {
    if (blob.data !== undefined) return streamOf(blob.data);
    return downloadBlob(blob, { ...shared, source: sourceOf(blob, session) });
  };
}

function sourceOf({ digest, urls = [] }: Descriptor, session: Session): BlobSource {
  const { asked, endpoint } = session;
  const path = `/v2/${asked.reference.repository}/blobs/${digest}`;
  const registry: Ask = (question) => session.get(path, { accept: "*/*", ...question });
  const others = urls.map((unsafeUrl): Ask => async (question) => {
    const url = parseBlobUrl(unsafeUrl, endpoint);
    const answer = await session.getElsewhere(url, { accept: "*/*", ...question });
    return { ...answer, isForeign: true };
  });
  return {
    ask: inTurn(registry, others),
    refusal: (answer) => answerRefusal(answer, { ...asked, blob: digest }),
  };
}

// A registry that lacks a blob may leave it to others; one that refuses it may not be got round. Of the others any that
// has no answer is passed over. The last decides, and the one that has the blob is asked for the rest of it too.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#properties
function inTurn(registry: Ask, others: readonly Ask[]): Ask {
  const places: Ask[] = [...others];
  let place = registry;
  return async function ask(question): Promise<Answer> {
    const asked = place;
    const next = places[0];
    if (next === undefined) return asked(question);
    const answer = await asked(question).catch((error: unknown) => {
      if (asked === registry || !isUnreachable(error)) throw error;
      return undefined;
    });
    const isMissing = asked === registry ? answer?.status === 404 : isRefusal(answer);
    if (answer !== undefined && !isMissing) return answer;
    if (answer !== undefined) await discard(answer);
    // Another request for the same blob may have found out already.
    if (place === asked) place = places.shift() ?? asked;
    return ask(question);
  };
}

function isUnreachable(error: unknown): boolean {
  return error instanceof RunnerError && error.code === "REGISTRY_UNREACHABLE";
}

function isRefusal(answer: Answer | undefined): boolean {
  return answer !== undefined && answer.status >= 400 && answer.status !== 416;
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
}
