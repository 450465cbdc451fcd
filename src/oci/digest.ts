// Content digests: the one parser, and a running check over bytes.
// https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests

import { RunnerError, printable } from "../errors.ts";

declare const brand: unique symbol;

/** `sha256:` or `sha512:` and lower-case hexadecimal digits: safe in a path, a URL and argv. */
export type Digest = string & { readonly [brand]: "Digest" };

export type DigestAlgorithm = "sha256" | "sha512";

const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isDigest(unsafeText: string): unsafeText is Digest {
  return DIGEST.test(unsafeText);
}

/** Parses a digest. Throws IMAGE_INVALID for anything but sha256 and sha512 in lower case. */
export function parseDigest(unsafeText: string): Digest {
  if (isDigest(unsafeText)) return unsafeText;
  throw new RunnerError(
    "IMAGE_INVALID",
    `"${printable(unsafeText.slice(0, 200))}" is not a sha256 or sha512 digest`,
  );
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

/** The digest of bytes that are all at hand. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  return `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest("hex")}` as Digest;
}

/** Throws DIGEST_MISMATCH unless `bytes` are what `digest` promises; `what` names them in the message. */
export function verifyDigest(bytes: Uint8Array, digest: Digest, what: string): void {
  const actual = digestOf(bytes, algorithmOf(digest));
  if (actual !== digest) {
    throw new RunnerError("DIGEST_MISMATCH", `${what} should be ${digest} but is ${actual}`);
  }
}
