// Answers that are hardly HTTP: lengths that contradict each other, statuses that there are none of, heads without end.
// Whatever the client's own HTTP makes of them, it ends with the right tree or a clear error, and nothing hangs.

import { describe } from "bun:test";
import type { Misbehaviour } from "../../support/misbehaving-registry.ts";
import { holdRows, type Row } from "../../support/misbehaviour-row.ts";
import { at, both, breaks, chunked, extra, header, status } from "../../support/misbehaviours.ts";

const STALL_MS = 300;
const same = (bytes: Uint8Array) => bytes;
const broken = ["REGISTRY_UNREACHABLE", ""] as const;
const closed = (does: Misbehaviour) =>
  both(does, (answer) => ({ ...answer, ending: "close" as const }));

describe.each(["token", "manifest", "config", "blob", "storage"] as const)("at the %s", (step) => {
  // The length is for nothing where there are chunks, but what contradicts itself is no blob.
  const isBlob = step !== "token" && step !== "manifest";
  const rows: Row[] = [
    { title: "two lengths that are the same", faults: at(step, twice) },
    {
      title: "two lengths that differ",
      faults: at(step, extra("content-length", "3")),
      refused: broken,
    },
    {
      title: "a length that is none",
      faults: at(step, closed(header("content-length", "-1"))),
      refused: broken,
    },
    {
      title: "a length in words",
      faults: at(step, closed(header("content-length", "many"))),
      refused: broken,
    },
    {
      title: "a length beyond all numbers",
      faults: at(step, closed(header("content-length", "9".repeat(40)))),
      refused: broken,
    },
    {
      title: "a length and chunks",
      faults: at(step, both(chunked(same), extra("content-length", "3"))),
      refused: isBlob ? ["DIGEST_MISMATCH", "3 bytes"] : undefined,
    },
    {
      title: "a chunk of no size",
      faults: at(step, closed(header("transfer-encoding", "chunked"))),
      refused: broken,
    },
    {
      title: "a header of four megabytes",
      faults: at(step, closed(extra("x-large", "x".repeat(2 ** 22)))),
      refused: broken,
    },
    { title: "no status", faults: at(step, closed(status(Number.NaN))), refused: broken },
    {
      title: "the status 600",
      faults: at(step, status(600)),
      refused: ["REGISTRY_RESPONSE_INVALID", "HTTP status 600"],
    },
    { title: "the status 101", faults: at(step, closed(status(101))), refused: broken },
    {
      title: "half a head, and silence",
      faults: at(step, breaks("hang", "nothing")),
      refused: ["REGISTRY_UNREACHABLE", "silent for"],
    },
  ];
  holdRows(rows, {
    stallMs: STALL_MS,
    registry: {
      usesStorage: step === "storage",
      ...(step === "token" && { access: { scheme: "bearer" } }),
    },
  });
});

function twice(...[answer]: Parameters<Misbehaviour>): ReturnType<Misbehaviour> {
  const lengths = answer.headers.filter(([name]) => name === "content-length");
  return { ...answer, headers: [...answer.headers, ...lengths] };
}
