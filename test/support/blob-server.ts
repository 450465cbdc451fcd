// A server of one blob, with its faults, and a download from it.

import { digestOf } from "../../src/oci/digest.ts";
import { Random } from "../layers/fuzz/random.ts";
import { describeBlob, openBlob, type OpenBlobOptions } from "./open-blob.ts";
import { startWireServer, type WireAnswer, type WireRequest } from "./wire-server.ts";

export const BYTES = new Random(6, 1).bytes(60_000);
export const BLOB = describeBlob(BYTES);
export const HALF = 30_000;

/** What becomes of the answer that a good server would give to the request with this number, from 0. */
export type Fault = (proper: WireAnswer, nth: number) => Partial<WireAnswer>;

/** A server of one blob that knows Range, except for its faults. */
export async function startBlobServer(fault: Fault, bytes: Uint8Array = BYTES) {
  const requests: WireRequest[] = [];
  const server = await startWireServer((request) => {
    const proper = properAnswer(request, bytes);
    requests.push(request);
    return { ...proper, ...fault(proper, requests.length - 1) };
  });
  const ranges = () => requests.map(({ headers }) => headers.get("range") ?? "none");
  return Object.assign(server, { requests, ranges });
}

function properAnswer({ headers }: WireRequest, bytes: Uint8Array): WireAnswer {
  const from = /^bytes=(\d+)-$/.exec(headers.get("range") ?? "")?.[1];
  const body = bytes.subarray(Number(from ?? 0));
  const length = ["content-length", String(body.length)] as const;
  if (from === undefined) return { status: 200, headers: [length], body };
  const range = ["content-range", `bytes ${from}-${bytes.length - 1}/${bytes.length}`] as const;
  return { status: 206, headers: [length, range], body };
}

export type BlobServer = Awaited<ReturnType<typeof startBlobServer>>;

/** Reads the blob from a server and returns the digest of what has come. */
export async function read(server: BlobServer, options?: OpenBlobOptions): Promise<string> {
  const stream = await openBlob(server.port, BLOB, options);
  return digestOf(await new Response(stream).bytes());
}

/** The same; a connection ends once the `sent` bytes that it has sent are here, so that nothing of it is lost. */
export async function readAll(
  server: BlobServer,
  sent: number,
  options?: OpenBlobOptions,
): Promise<string> {
  const reader = (await openBlob(server.port, BLOB, options)).getReader();
  const chunks: Uint8Array[] = [];
  for (let bytes = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return digestOf(Buffer.concat(chunks));
    chunks.push(value);
    bytes += value.length;
    if (bytes % sent === 0) server.hangUp();
  }
}
