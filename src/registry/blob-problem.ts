// What can be wrong with a blob on its way, in words. Its bytes are judged elsewhere.

import { RunnerError, printable } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";

/** The error for a partial answer that is not the part which was asked for. */
export function wrongRange(host: string, unsafeRange: string | null, start: number): RunnerError {
  const what = unsafeRange === null ? "does not say which" : printable(unsafeRange).slice(0, 80);
  return new RunnerError(
    "REGISTRY_RESPONSE_INVALID",
    `${host} was asked for a blob from byte ${start} on and sends another part (${what})`,
    { hint: "The registry, its storage or a proxy on the way answers wrongly; tell its operator." },
  );
}

export function unknownEncoding(host: string, unsafeName: string, blob: Descriptor): RunnerError {
  const name = printable(unsafeName).slice(0, 40);
  return new RunnerError(
    "REGISTRY_RESPONSE_INVALID",
    `${host} sends blob ${blob.digest} in the content encoding "${name}", which was not asked for`,
  );
}

/** The error for a body that cannot be decoded. */
export function damaged(host: string, cause: unknown): RunnerError {
  const problem = `${host} sends a blob that is damaged, or not encoded as it says`;
  return new RunnerError("DIGEST_MISMATCH", problem, { cause });
}

/** The error for headers that announce another number of bytes. */
export function wrongSize(host: string, { digest, size }: Descriptor, actual: number): RunnerError {
  return new RunnerError(
    "DIGEST_MISMATCH",
    `${host} offers ${actual} bytes as blob ${digest}, which should have ${size}`,
  );
}

/** The error for a host that says there is nothing from byte `at` on. */
export function tooShort(host: string, { digest, size }: Descriptor, at: number): RunnerError {
  return new RunnerError(
    "DIGEST_MISMATCH",
    `${host} has no more than ${at} bytes of blob ${digest}, which should have ${size}`,
  );
}

/** The error for bodies that end early as if they were whole, however often they are asked for. */
export function endsEarly(host: string, { digest, size }: Descriptor, at: number): RunnerError {
  return new RunnerError(
    "DIGEST_MISMATCH",
    `${host} ends blob ${digest} after ${at} of ${size} bytes, again and again`,
  );
}

/** The error for a body with more bytes than the blob. */
export function tooLong({ digest, size }: Descriptor): RunnerError {
  return new RunnerError(
    "DIGEST_MISMATCH",
    `blob ${digest} is longer than the ${size} bytes that it should have`,
  );
}
