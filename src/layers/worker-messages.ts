// What a layer's reading thread and the main one tell each other. Types, and errors on their way between the two.

import { type ErrorCode, RunnerError, type Stage, reasonOf } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { Entry } from "./entry.ts";
import { type Limits, Stopped } from "./limits.ts";
import type { LayerSummary } from "./read.ts";

export type ToWorker =
  | {
      readonly kind: "begin";
      readonly diffId: Digest;
      readonly bodies: string;
      readonly limits: Limits;
      readonly contentOf: readonly string[] | undefined;
      /** The budget that all layers share. */
      readonly budget: SharedArrayBuffer;
    }
  /** The first `length` bytes of the buffer are the layer's next. */
  | { readonly kind: "bytes"; readonly buffer: ArrayBuffer; readonly length: number }
  | { readonly kind: "end" };

export type FromWorker =
  | { readonly kind: "entries"; readonly entries: readonly Entry[] }
  /** The bytes have been read: here is the buffer for more. */
  | { readonly kind: "taken"; readonly buffer: ArrayBuffer }
  | { readonly kind: "done"; readonly summary: LayerSummary }
  | { readonly kind: "failed"; readonly failure: Failure };

/** An error as data: a class does not survive the way from one thread to another. */
export interface Failure {
  readonly code: ErrorCode | "STOPPED";
  readonly message: string;
  readonly hint: string;
  readonly stage: Stage;
}

export function failureOf(error: unknown): Failure {
  if (error instanceof RunnerError) {
    const { code, message, hint, stage } = error;
    return { code, message, hint, stage };
  }
  const code = error instanceof Stopped ? "STOPPED" : "INTERNAL";
  const message = error instanceof Error ? (error.stack ?? error.message) : reasonOf(error);
  return { code, message, hint: "", stage: "extract" };
}

export function errorOf({ code, message, hint, stage }: Failure): Error {
  if (code === "STOPPED") return new Stopped();
  return new RunnerError(code, message, hint === "" ? { stage } : { stage, hint });
}
