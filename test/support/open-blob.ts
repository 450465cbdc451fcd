// A blob of a server on loopback, opened by a download alone: no registry, no proofs, no waiting.

import type { Descriptor } from "../../src/oci/descriptor.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { RunnerError } from "../../src/errors.ts";
import { downloadBlob, type DownloadOptions } from "../../src/registry/blob-download.ts";
import type { BlobSource } from "../../src/registry/blob-request.ts";
import { DownloadSlots } from "../../src/registry/download-slots.ts";
import { persist } from "../../src/registry/persist.ts";
import { AheadBudget } from "../../src/registry/ranges-ahead.ts";
import { request } from "../../src/registry/request.ts";

export interface OpenBlobOptions extends Partial<DownloadOptions> {
  /** Its answers count as another host's, to which a registry has sent us. */
  readonly isForeign?: boolean;
}

/** Long enough never to matter. */
const NO_STALL_MS = 20_000;
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
  const url = new URL(`http://${host}/blob`);
  return {
    async ask({ tries, ...question }) {
      const attempt = () => request(url, { accept: "*/*", stallMs: NO_STALL_MS, ...question });
      return { ...(await persist(host, attempt, { clock: NO_WAIT, tries })), isForeign };
    },
    async refusal({ status, body }) {
      await body.cancel();
      return new RunnerError("REGISTRY_RESPONSE_INVALID", `${host} answers ${status}`);
    },
  };
}
