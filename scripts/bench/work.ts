// One share of the floor's work, as a program of its own: `bun work.ts inflate|digest FILE…`. Nothing is kept.

import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";

const READ_BYTES = 512 * 1024;
const CHUNK_BYTES = 1024 ** 2;

const [task, ...files] = process.argv.slice(2);
for (const file of files) {
  const bytes = createReadStream(file, {
    highWaterMark: task === "inflate" ? READ_BYTES : CHUNK_BYTES,
  });
  if (task === "inflate") await inflate(bytes);
  else await digest(bytes);
}

async function inflate(
  compressed: AsyncIterable<Uint8Array> & NodeJS.ReadableStream,
): Promise<void> {
  for await (const _ of compressed.pipe(createGunzip({ chunkSize: CHUNK_BYTES })));
}

async function digest(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const chunk of bytes) hash.update(chunk);
  hash.digest();
}
