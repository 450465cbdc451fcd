// The blobs of one image: out of the manifest itself, from the registry, or from where the image says that they are
// too. Knows no passwords: whoever sends the requests does.

import { RunnerError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { downloadBlob } from "./blob-download.ts";
import type { BlobSource } from "./blob-request.ts";
import { DownloadSlots } from "./download-slots.ts";
import type { Patience } from "./persist.ts";
import { AheadBudget } from "./ranges-ahead.ts";
import { parseBlobUrl } from "./redirect.ts";
import { discard, type Answer } from "./request.ts";

export interface BlobRequest {
  readonly accept: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface BlobsOptions {
  readonly repository: string;
  /** The root of the registry's API. */
  readonly endpoint: URL;
  /** Requests at once, over all blobs. */
  readonly concurrency: number;
  readonly patience: Pick<Patience, "clock" | "onRetry">;
  /** Asks the registry for a path of its API. */
  get(path: string, request: BlobRequest): Promise<Answer>;
  /** Asks somebody else, and tells nobody who we are. */
  getPublic(url: URL, request: BlobRequest): Promise<Answer>;
  /** The error for an answer that is a refusal. */
  refusal(answer: Answer, blob: Digest): Promise<RunnerError>;
}

type Ask = BlobSource["ask"];

/** Opens blobs as `downloadBlob` does. */
export function createBlobs(
  options: BlobsOptions,
): (blob: Descriptor) => Promise<ReadableStream<Uint8Array>> {
  const { concurrency, patience } = options;
  const shared = { slots: new DownloadSlots(concurrency), budget: new AheadBudget(), patience };
  return async (blob) => {
    if (blob.data !== undefined) return streamOf(blob.data);
    return downloadBlob(blob, { ...shared, source: sourceOf(blob, options) });
  };
}

function sourceOf({ digest, urls = [] }: Descriptor, options: BlobsOptions): BlobSource {
  const { repository, endpoint, get, getPublic, refusal } = options;
  const path = `/v2/${repository}/blobs/${digest}`;
  const registry: Ask = (headers, signal) => get(path, { accept: "*/*", headers, signal });
  const others = urls.map((unsafeUrl): Ask => async (headers, signal) => {
    const url = parseBlobUrl(unsafeUrl, endpoint);
    const answer = await getPublic(url, { accept: "*/*", headers, signal });
    return { ...answer, isForeign: true };
  });
  return { ask: inTurn(registry, others), refusal: (answer) => refusal(answer, digest) };
}

// A registry that lacks a blob may leave it to others; one that refuses it may not be got round. Of the others any that
// has no answer is passed over. The last decides, and the one that has the blob is asked for the rest of it too.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#properties
function inTurn(registry: Ask, others: readonly Ask[]): Ask {
  const places: Ask[] = [...others];
  let place = registry;
  return async function ask(headers, signal): Promise<Answer> {
    const asked = place;
    const next = places[0];
    if (next === undefined) return asked(headers, signal);
    const answer = await asked(headers, signal).catch((error: unknown) => {
      if (asked === registry || !isUnreachable(error)) throw error;
      return undefined;
    });
    const isMissing = asked === registry ? answer?.status === 404 : isRefusal(answer);
    if (answer !== undefined && !isMissing) return answer;
    if (answer !== undefined) await discard(answer);
    // Another request for the same blob may have found out already.
    if (place === asked) place = places.shift() ?? asked;
    return ask(headers, signal);
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
