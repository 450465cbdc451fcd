// Blobs by their digest: manifests, configs and layers, as a registry sends them. A blob in its place has been right
// when it was put there; whoever reads it checks it once more, since disks lose bytes.

import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { algorithmOf, type Digest, digestOf } from "../oci/digest.ts";
import { errnoOf } from "../system/disk-error.ts";
import { lockFile, type LockWait } from "../system/file-lock.ts";
import { type CacheDirectory, touch } from "./directory.ts";
import { type BlobName, PendingBlob } from "./pending-blob.ts";

type ByteStream = ReadableStream<Uint8Array>;

/** Up to this size a blob is read and checked before the first byte of it is given away. */
const SMALL_BYTES = 8 * 1024 ** 2;
const CHUNK_BYTES = 512 * 1024;

export class Blobs {
  readonly #directory: CacheDirectory;

  constructor(directory: CacheDirectory) {
    this.#directory = directory;
  }

  /** A whole blob of at most `maxBytes`, its digest checked; one that is damaged is removed. */
  read(digest: Digest, maxBytes = Infinity): Uint8Array | undefined {
    const path = this.#pathOf(digest);
    const bytes = contentOf(path, maxBytes);
    if (bytes === undefined) return undefined;
    if (digestOf(bytes, algorithmOf(digest)) !== digest) {
      rmSync(path, { force: true });
      return undefined;
    }
    touch(path);
    return bytes;
  }

  /** Keeps bytes whose digest has been checked. Where the disk refuses they are not kept. */
  write(digest: Digest, bytes: Uint8Array): void {
    const path = this.#pathOf(digest);
    const temporary = this.#directory.temporaryPath();
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      writeFileSync(temporary, bytes, { flag: "wx", mode: 0o600 });
      renameSync(temporary, path);
    } catch {
      rmSync(temporary, { force: true });
    }
  }

  /**
   * A blob's bytes: from the cache, or from where `obtain` has them, and then kept on the way. Of several that want the
   * same blob at once, in whatever process, one fetches it and the others wait.
   * A large blob that is damaged shows by its digest only, at its end: `dropDamaged` is for whoever notices.
   */
  async open(
    blob: BlobName,
    obtain: () => Promise<ByteStream>,
    wait: LockWait = {},
  ): Promise<ByteStream> {
    const kept = await this.#openKept(blob);
    if (kept !== undefined) return kept;
    const lock = await this.#lock(blob.digest, wait);
    if (lock === undefined) return await obtain();
    try {
      const fetchedMeanwhile = await this.#openKept(blob);
      if (fetchedMeanwhile === undefined) return this.#keeping(await obtain(), blob, lock);
      lock[Symbol.dispose]();
      return fetchedMeanwhile;
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  /** Removes those of the blobs that are not what their digests say, and tells how many that were. */
  async dropDamaged(blobs: readonly BlobName[]): Promise<number> {
    let dropped = 0;
    for (const { digest } of blobs) {
      const path = this.#pathOf(digest);
      if (lstatSync(path, { throwIfNoEntry: false }) === undefined) continue;
      if ((await digestOfFile(path, digest)) === digest) continue;
      rmSync(path, { force: true });
      dropped += 1;
    }
    return dropped;
  }

  async #openKept({ digest, size }: BlobName): Promise<ByteStream | undefined> {
    const path = this.#pathOf(digest);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    // Cut short, or an image is wrong about it: what is fetched, and proves right, takes its place.
    if (stats?.size !== size) return undefined;
    if (size <= SMALL_BYTES) {
      const bytes = this.read(digest);
      return bytes && new Blob([new Uint8Array(bytes)]).stream();
    }
    touch(path);
    // It may have been evicted this moment.
    const file = await open(path, "r").catch(() => undefined);
    return file && streamOf(file);
  }

  #keeping(source: ByteStream, blob: BlobName, lock: Disposable): ByteStream {
    const pending = this.#pending(blob);
    const reader = source.getReader();
    const end = () => {
      pending?.[Symbol.dispose]();
      lock[Symbol.dispose]();
    };
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          try {
            const { done, value } = await reader.read();
            if (!done) {
              pending?.write(value);
              return controller.enqueue(value);
            }
            pending?.publish();
            end();
            controller.close();
          } catch (error) {
            end();
            throw error;
          }
        },
        async cancel(reason) {
          end();
          await reader.cancel(reason);
        },
      },
      { highWaterMark: 0 },
    );
  }

  #pending(blob: BlobName): PendingBlob | undefined {
    try {
      return new PendingBlob(blob, this.#directory.temporaryPath(), this.#pathOf(blob.digest));
    } catch {
      // A cache that cannot take the blob is no reason not to use it.
      return undefined;
    }
  }

  #pathOf(digest: Digest): string {
    return join(this.#directory.blobs, digest.replace(":", "/"));
  }

  // A cache that takes no lock keeps nothing either, and that is no reason not to fetch.
  async #lock(digest: Digest, wait: LockWait): Promise<Disposable | undefined> {
    try {
      return await lockFile(join(this.#directory.locks, `blob-${digest.replace(":", "-")}`), wait);
    } catch (error) {
      if (wait.signal?.aborted || errnoOf(error) === "") throw error;
      return undefined;
    }
  }
}

function contentOf(path: string, maxBytes: number): Uint8Array | undefined {
  try {
    return lstatSync(path).size > maxBytes ? undefined : readFileSync(path);
  } catch {
    return undefined;
  }
}

function streamOf(file: FileHandle): ByteStream {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = new Uint8Array(CHUNK_BYTES);
        const { bytesRead } = await file.read(chunk).catch(async (error: unknown) => {
          await file.close();
          throw error;
        });
        if (bytesRead > 0) return controller.enqueue(chunk.subarray(0, bytesRead));
        await file.close();
        controller.close();
      },
      cancel: () => file.close(),
    },
    { highWaterMark: 0 },
  );
}

async function digestOfFile(path: string, like: Digest): Promise<string | undefined> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return undefined;
  const algorithm = algorithmOf(like);
  const hasher = new Bun.CryptoHasher(algorithm);
  for await (const chunk of streamOf(file)) hasher.update(chunk);
  return `${algorithm}:${hasher.digest("hex")}`;
}
