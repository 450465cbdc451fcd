// A blob of a server on loopback, opened by a download alone: no registry, no proofs, no waiting.

import type { Descriptor } from "../../src/oci/descriptor.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { RunnerError } from "../../src/errors.ts";
import { downloadBlob, type DownloadOptions } from "../../src/registry/blob-download.ts";
import type { BlobSource } from "../../src/registry/blob-request.ts";
import { DownloadSlots } from "../../src/registry/download-slots.ts";
import { unreachable } from "../../src/registry/network-problem.ts";
import { AheadBudget } from "../../src/registry/ranges-ahead.ts";

export interface OpenBlobOptions extends Partial<DownloadOptions> {
  /** Its answers count as another host's, to which a registry has sent us. */
  readonly isForeign?: boolean;
}

const NO_WAIT = { now: Date.now, random: () => 0, wait: async () => {} };

/** What an image says of these bytes. */
export function describeBlob(bytes: Uint8Array): Descriptor {
  const mediaType = "application/octet-stream";
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}

/** Opens what a port of this machine sends as the given blob. */
export function openBlob(
  port: number,
  blob: Descriptor,
  { isForeign = false, ...options }: OpenBlobOptions = {},
): Promise<ReadableStream<Uint8Array>> {
  return downloadBlob(blob, {
    source: sourceAt(`127.0.0.1:${port}`, isForeign),
    slots: new DownloadSlots(4),
    budget: new AheadBudget(),
    patience: { clock: NO_WAIT, onRetry() {} },
    ...options,
  });
}

function sourceAt(host: string, isForeign: boolean): BlobSource {
  const fail = (error: unknown) => {
    throw unreachable(host, error);
  };
  return {
    async ask({ headers, signal }) {
      const init = { headers, signal, decompress: false };
      const response = await fetch(`http://${host}/blob`, init).catch(fail);
      const reader = (response.body ?? new Blob([]).stream()).getReader();
      const body = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const { done, value } = await reader.read().catch(fail);
            if (done) controller.close();
            else controller.enqueue(value);
          },
          cancel: (reason) => reader.cancel(reason),
        },
        { highWaterMark: 0 },
      );
      return { status: response.status, headers: response.headers, body, host, isForeign };
    },
    async refusal({ status, body }) {
      await body.cancel();
      return new RunnerError("REGISTRY_RESPONSE_INVALID", `${host} answers ${status}`);
    },
  };
}
