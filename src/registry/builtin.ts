// The registry client that needs no other program: the pull half of the distribution specification.
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pull

import { digestOf } from "../oci/digest.ts";
import { MANIFEST_ACCEPT } from "../oci/media-type.ts";
import { pinReference, type Reference } from "../oci/reference.ts";
import type { PasswordCredentials } from "./credentials.ts";
import { checkManifestBytes, DEFAULT_MANIFEST_BYTES } from "./manifest-bytes.ts";
import { foreignRefusal, parseRefusal, refusalError, type Asked } from "./refusal.ts";
import type { Registry } from "./registry.ts";
import { discard, readBody, type Answer } from "./request.ts";
import { createSession, type Session } from "./session.ts";
import { MAX_MESSAGE_BYTES } from "./token.ts";

export interface BuiltinOptions {
  readonly credentials?: PasswordCredentials | undefined;
  /** Milliseconds without a byte after which a host counts as unreachable. */
  readonly stallMs: number;
  readonly maxManifestBytes?: number;
}

/** A client that proves itself with the credentials where a registry wants them; it sends nothing yet. */
export function createBuiltin(reference: Reference, options: BuiltinOptions): Registry {
  const { maxManifestBytes = DEFAULT_MANIFEST_BYTES } = options;
  let session: Session | undefined = createSession(options);
  const open = (): Session => {
    if (session === undefined) throw new Error("the registry client is closed");
    return session;
  };
  return {
    client: "builtin",
    async digest() {
      return reference.digest ?? digestOf(await this.manifest());
    },
    async manifest(digest) {
      const { get, signedIn } = open();
      const wanted = digest === undefined ? reference : pinReference(reference, digest);
      const path = `/v2/${wanted.repository}/manifests/${wanted.digest ?? wanted.tag}`;
      const answer = await get(wanted, path, MANIFEST_ACCEPT);
      if (answer.status !== 200) throw await refusalOf(answer, { reference: wanted, signedIn });
      const bytes = await readBody(answer.body, maxManifestBytes);
      return checkManifestBytes(bytes, wanted, maxManifestBytes);
    },
    async blob({ digest }) {
      const { get, signedIn } = open();
      const path = `/v2/${reference.repository}/blobs/${digest}`;
      const answer = await get(reference, path, "*/*");
      if (answer.status === 200) return answer.body;
      throw await refusalOf(answer, { reference, blob: digest, signedIn });
    },
    close() {
      session = undefined;
    },
  };
}

// What another host says, to which the registry has sent us, is not about our username and password.
async function refusalOf(answer: Answer, asked: Asked) {
  const { status, headers, isForeign, host } = answer;
  if (isForeign) await discard(answer);
  if (isForeign) return foreignRefusal(host, status, asked);
  const bytes = await readBody(answer.body, MAX_MESSAGE_BYTES).catch(() => undefined);
  const unsafeRetryAfter = headers.get("retry-after") ?? undefined;
  return refusalError({ status, ...parseRefusal(bytes), unsafeRetryAfter }, asked);
}
