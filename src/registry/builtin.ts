// The registry client that needs no other program: the pull half of the distribution specification.
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pull

import { formatReference, pinReference, type Reference } from "../oci/reference.ts";
import { startDeadline } from "./deadline.ts";
import { DEFAULT_MANIFEST_BYTES } from "./manifest-bytes.ts";
import { fetchDigest, fetchManifest } from "./manifest-request.ts";
import { answerRefusal } from "./message-refusal.ts";
import type { Registry } from "./registry.ts";
import { Session, type SessionOptions } from "./session.ts";

export interface BuiltinOptions extends Omit<SessionOptions, "signal"> {
  /** Milliseconds that everything together may take from now on; 0 for no limit. */
  readonly limitMs?: number;
  readonly maxManifestBytes?: number;
}

/**
 * A client that proves itself with the credentials where a registry wants them; it sends nothing yet.
 * Throws CREDENTIALS_UNREADABLE for a token that cannot be sent.
 */
export function createBuiltin(reference: Reference, options: BuiltinOptions): Registry {
  const { maxManifestBytes: maxBytes = DEFAULT_MANIFEST_BYTES, limitMs = 0 } = options;
  const deadline = startDeadline(formatReference(reference), limitMs);
  let session: Session | undefined = new Session(reference, { ...options, signal: deadline.signal });
  const open = (): Session => {
    if (session === undefined) throw new Error("the registry client is closed");
    return session;
  };
  return {
    client: "builtin",
    async digest() {
      return reference.digest ?? (await fetchDigest(open(), reference, maxBytes));
    },
    async manifest(digest) {
      const wanted = digest === undefined ? reference : pinReference(reference, digest);
      return await fetchManifest(open(), wanted, maxBytes);
    },
    async blob({ digest }) {
      const session = open();
      const path = `/v2/${reference.repository}/blobs/${digest}`;
      const answer = await session.get(path, { accept: "*/*" });
      if (answer.status === 200) return answer.body;
      throw await answerRefusal(answer, { ...session.asked, blob: digest });
    },
    close() {
      deadline.clear();
      session = undefined;
    },
  };
}
