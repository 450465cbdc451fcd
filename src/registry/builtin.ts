// The registry client that needs no other program: the pull half of the distribution specification.
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pull

import { formatReference, pinReference, type Reference } from "../oci/reference.ts";
import { createBlobs, type OpenBlob } from "./blobs.ts";
import { startDeadline } from "./deadline.ts";
import { DEFAULT_MANIFEST_BYTES } from "./manifest-bytes.ts";
import { fetchDigest, fetchManifest } from "./manifest-request.ts";
import type { Registry } from "./registry.ts";
import { Session, type SessionOptions } from "./session.ts";

export interface BuiltinOptions extends Omit<SessionOptions, "signal"> {
  /** Milliseconds that everything together may take from now on; 0 for no limit. */
  readonly limitMs?: number;
  readonly maxManifestBytes?: number;
  /** Requests for blobs at once; four when absent. */
  readonly concurrency?: number;
}

interface Parts {
  readonly session: Session;
  readonly openBlob: OpenBlob;
}

const DEFAULT_CONCURRENCY = 4;

/**
 * A client that proves itself with the credentials where a registry wants them; it sends nothing yet.
 * Throws CREDENTIALS_UNREADABLE for a token that cannot be sent.
 */
export function createBuiltin(reference: Reference, options: BuiltinOptions): Registry {
  const {
    maxManifestBytes: maxBytes = DEFAULT_MANIFEST_BYTES,
    limitMs = 0,
    concurrency = DEFAULT_CONCURRENCY,
  } = options;
  const deadline = startDeadline(formatReference(reference), limitMs);
  const session = new Session(reference, { ...options, signal: deadline.signal });
  let parts: Parts | undefined = { session, openBlob: createBlobs(session, concurrency) };
  const open = (): Parts => {
    if (parts === undefined) throw new Error("the registry client is closed");
    return parts;
  };
  return {
    client: "builtin",
    async digest() {
      return reference.digest ?? (await fetchDigest(open().session, reference, maxBytes));
    },
    async manifest(digest) {
      const wanted = digest === undefined ? reference : pinReference(reference, digest);
      return await fetchManifest(open().session, wanted, maxBytes);
    },
    async blob(descriptor) {
      return await open().openBlob(descriptor);
    },
    close() {
      deadline.clear();
      parts = undefined;
    },
  };
}
