// The files of an image that lies on this machine, by name: in a directory or in an archive. Knows how to read one, but
// not what any of them means.

import type { FileHandle } from "node:fs/promises";
import { RunnerError } from "../../errors.ts";

export interface ImageFiles {
  /** What messages call it, such as `the archive /images/server.tar`. Printable. */
  readonly where: string;
  /** Undefined where there is no such file. Throws IMAGE_INVALID for what is no regular file. */
  open(name: string): Promise<ImageFile | undefined>;
  /** Nothing can be read afterwards. */
  close(): void;
}

/** An open file, of which `stream` or `close` is to be called once. */
export interface ImageFile {
  /** Bytes. */
  readonly size: number;
  /** The bytes as they lie there, unverified: fewer than `size` where the file has become shorter. */
  stream(): ReadableStream<Uint8Array>;
  close(): Promise<void>;
}

/** A number of bytes, and the setting that it comes from. */
export interface FileLimit {
  readonly maxBytes: number;
  readonly setting: string;
}

const CHUNK_BYTES = 512 * 1024;

/** The `size` bytes from `start` on. `release` is called once: at the end, at a failure, or when it is cancelled. */
export function streamRange(
  handle: FileHandle,
  { start, size }: { readonly start: number; readonly size: number },
  release: () => Promise<void>,
): ReadableStream<Uint8Array> {
  let at = start;
  const end = start + size;
  let released: Promise<void> | undefined;
  // A cancellation may come while a read is under way, which then fails.
  const finish = () => (released ??= release());
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, end - at));
        const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
        at += bytesRead;
        if (bytesRead > 0) controller.enqueue(chunk.subarray(0, bytesRead));
        if (bytesRead > 0 && at < end) return;
        controller.close();
        await finish();
      } catch (error) {
        await finish();
        throw error;
      }
    },
    cancel: finish,
  });
}

/** A small file, whole; undefined where there is none. Throws LIMIT_EXCEEDED and what `open` throws. */
export async function readSmall(
  files: ImageFiles,
  name: string,
  { maxBytes, setting }: FileLimit,
): Promise<Uint8Array | undefined> {
  const file = await files.open(name);
  if (file === undefined) return undefined;
  if (file.size > maxBytes) {
    await file.close();
    throw new RunnerError(
      "LIMIT_EXCEEDED",
      `${name} in ${files.where} has ${file.size} bytes, which is over the limit of ${maxBytes} (${setting})`,
      { stage: "fetch-config" },
    );
  }
  return await new Response(file.stream()).bytes();
}

/** What does not keep to the rules; `problem` begins with the image's place or ends with it. */
export function invalid(problem: string, cause?: unknown): RunnerError {
  return new RunnerError("IMAGE_INVALID", problem, {
    cause,
    hint: "The image is damaged or its copy is incomplete: save it again.",
  });
}
