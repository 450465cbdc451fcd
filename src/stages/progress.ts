// How far a pull is, told as it suits who looks on: a line that moves on a terminal, a line a layer in a log.

import { log, setStatus, showsStatus } from "../log.ts";
import type { LayerReport } from "../layers/unpack.ts";

export interface Progress {
  /** Compressed bytes that have come since the last call. */
  advance(bytes: number): void;
  layerDone(layer: LayerReport): void;
  /** Takes the moving line away. */
  end(): void;
}

const REDRAW_MS = 100;
/** A rate over less time than this says nothing. */
const SETTLING_MS = 500;

/** How far a pull is, for whoever else follows it. */
export interface PullState {
  readonly receivedBytes: number;
  readonly totalBytes: number;
  readonly layersDone: number;
  readonly layers: number;
}

/** `bytes` is the size of all compressed layers together. */
export function createProgress(
  layers: number,
  bytes: number,
  onState: (state: PullState) => void = () => {},
): Progress {
  const started = performance.now();
  let received = 0;
  let done = 0;
  let drawn = 0;
  const tell = () =>
    onState({ receivedBytes: received, totalBytes: bytes, layersDone: done, layers });
  return {
    advance(more) {
      received += more;
      tell();
      const now = performance.now();
      if (!showsStatus() || now - drawn < REDRAW_MS) return;
      drawn = now;
      setStatus(statusLine({ received, bytes, done, layers, elapsedMs: now - started }));
    },
    layerDone({ digest, entries, compressedBytes, unpackedBytes }) {
      done += 1;
      tell();
      if (!showsStatus()) {
        log.info(`layer ${done} of ${layers}`, { entries, compressedBytes, unpackedBytes, digest });
      }
    },
    end: () => setStatus(""),
  };
}

interface State {
  readonly received: number;
  readonly bytes: number;
  readonly done: number;
  readonly layers: number;
  readonly elapsedMs: number;
}

/** The moving line, such as `38.2 of 127.7 MB, 51.3 MB/s, 3 of 8 layers, 2 s left`. */
export function statusLine({ received, bytes, done, layers, elapsedMs }: State): string {
  const parts = [`${megabytes(received)} of ${megabytes(bytes)} MB`];
  if (elapsedMs >= SETTLING_MS) parts.push(`${megabytes(received / (elapsedMs / 1000))} MB/s`);
  parts.push(`${done} of ${layers} layers`);
  if (elapsedMs >= SETTLING_MS && received > 0 && received < bytes) {
    parts.push(`${Math.ceil(((bytes - received) * elapsedMs) / received / 1000)} s left`);
  }
  return parts.join(", ");
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
