// A blob whose connection breaks in the middle, and servers that answer wrongly when they are asked for the rest of it.

import { describe, expect, test } from "bun:test";
import { Random } from "../../layers/fuzz/random.ts";
import { countArrivals } from "../../support/arrivals.ts";
import { buildImage, type BuiltImage } from "../../support/image-builder.ts";
import type { Fault, Misbehaviour } from "../../support/misbehaving-registry.ts";
import { holdRows, LAYER, startRegistry } from "../../support/misbehaviour-row.ts";
import {
  at,
  body,
  both,
  breaks,
  damaged,
  header,
  longer,
  refuses,
  says,
  shorter,
  status,
} from "../../support/misbehaviours.ts";
import { pullFrom } from "../../support/pull-from.ts";
import { proper } from "../../support/registry-answers.ts";
import type { WireAnswer } from "../../support/wire-server.ts";

const SEED = 4;
const OFFSETS = 100;
const TORN = 1000;
const SIZE = LAYER.byteLength;

for (const step of ["blob", "storage"] as const) {
  const registry = { usesStorage: step === "storage" };
  // The storage has been asked for the config before.
  const first = step === "storage" ? 1 : 0;
  const torn: Fault = { at: step, does: breaks("close", TORN), after: first, times: 1 };
  const then = (does: Misbehaviour, times = 1): readonly Fault[] => [
    torn,
    { at: step, does, after: first + 1, times },
  ];
  const whole = (does: Misbehaviour): readonly Fault[] => [{ at: step, does, after: first }];

  describe(`the rest of a blob, at the ${step === "blob" ? "registry" : "storage"},`, () => {
    holdRows(
      [
        { title: "comes as 206", faults: [torn] },
        { title: "comes as 206 however often it breaks", faults: whole(breaks("close", 300)) },
        { title: "comes with the whole, as 200", faults: then(ignoringRange) },
        {
          title: "comes with the whole, as 200, every time",
          faults: [
            ...then(both(ignoringRange, breaks("close", 2 * TORN))),
            { at: step, does: ignoringRange, after: first + 2 },
          ],
        },
        {
          title: "comes as 206 without saying which part",
          faults: then(header("content-range", undefined)),
          refused: ["REGISTRY_RESPONSE_INVALID", "another part"],
        },
        {
          title: "comes as 206 of another part",
          faults: then(header("content-range", `bytes 0-${SIZE - 1}/${SIZE}`)),
          refused: ["REGISTRY_RESPONSE_INVALID", "another part"],
        },
        {
          title: "comes as 206 of a part that is none",
          faults: then(header("content-range", "bytes 9-1/5")),
          refused: ["REGISTRY_RESPONSE_INVALID", "another part"],
        },
        {
          title: "comes as 206 of another whole",
          faults: then(header("content-range", `bytes ${TORN}-${SIZE - 1}/${SIZE + 1}`)),
          refused: ["DIGEST_MISMATCH", "blob"],
        },
        {
          title: "comes as 206 with other bytes",
          faults: then(body((bytes) => bytes.map((byte) => byte ^ 1))),
          refused: ["DIGEST_MISMATCH", "blob"],
        },
        {
          title: "comes as 206 with too many bytes",
          faults: then(body(longer)),
          refused: ["DIGEST_MISMATCH", "blob"],
        },
        { title: "comes as 206 with too few, and is asked for again", faults: then(body(shorter)) },
        {
          title: "is refused with 416 once",
          faults: then(status(416, { "content-range": `bytes */${SIZE}` })),
          refused: ["DIGEST_MISMATCH", "no more than"],
        },
        { title: "is in trouble twice", faults: then(status(503), 2) },
        {
          title: "is gone",
          faults: then(refuses(404, "BLOB_UNKNOWN")),
          refused: [step === "blob" ? "IMAGE_NOT_FOUND" : "REGISTRY_RESPONSE_INVALID", ""],
        },
        {
          title: "is a web page",
          faults: then(says(200, "<html>Welcome")),
          refused: ["DIGEST_MISMATCH", "blob"],
        },
        {
          title: "comes as 206 although the whole was asked for",
          faults: whole(partial(`bytes 0-${SIZE - 1}/${SIZE}`)),
        },
        {
          title: "comes as 206 of the middle although the whole was asked for",
          faults: whole(partial(`bytes 9-${SIZE - 1}/${SIZE}`)),
          refused: ["REGISTRY_RESPONSE_INVALID", "another part"],
        },
        {
          title: "is changed on the server meanwhile",
          faults: then(both(ignoringRange, damaged)),
          refused: ["DIGEST_MISMATCH", "blob"],
        },
      ],
      { registry },
    );
  });
}

describe("the address of a blob at the storage", () => {
  const registry = { usesStorage: true };
  holdRows(
    [
      {
        title: "is signed anew when its signature has run out",
        faults: [{ at: "storage", does: status(403), after: 1, times: 1 }],
      },
      {
        title: "is signed anew in the middle of the blob",
        faults: [
          { at: "storage", does: breaks("close", TORN), after: 1, times: 1 },
          { at: "storage", does: status(403), after: 2, times: 1 },
        ],
      },
      {
        title: "is not signed anew for ever",
        faults: at("storage", refuses(403, "DENIED")),
        refused: ["REGISTRY_RESPONSE_INVALID", "STORAGE, where"],
      },
    ],
    { registry },
  );
});

test(`a connection that breaks at any of ${OFFSETS} places of a blob costs one more request`, async () => {
  const random = new Random(SEED, 1);
  const content = random.bytes(100_000);
  const image = buildImage({ layers: [[{ path: "file", content }]], compression: "none" });
  const size = image.blobs.get(image.layers[0] ?? image.root.digest)?.byteLength ?? 0;
  const whole = await pullOnce(image, []);
  for (let round = 0; round < OFFSETS; round += 1) {
    const offset = random.below(size);
    const ending = random.pick(["close", "reset"] as const);
    const { tree, story } = await pullOnce(image, at("blob", breaks(ending, offset), 1));
    expect({ offset, ending, tree }).toEqual({ offset, ending, tree: whole.tree });
    const rest = offset === 0 ? "blob 200" : "blob 206";
    expect({ offset, ending, story }).toEqual({ offset, ending, story: [...whole.story, rest] });
  }
}, 60_000);

async function pullOnce(image: BuiltImage, faults: readonly Fault[]) {
  const arrivals = countArrivals();
  await using registry = await startRegistry({ title: "", faults, registry: { arrivals } }, image);
  const tree = await pullFrom(`${registry.host}/org/app:1`, { arrivals });
  return { tree, story: registry.story };
}

// The whole, whatever was asked for.
function ignoringRange(answer: WireAnswer): WireAnswer {
  return { ...proper(200, LAYER), ending: answer.ending ?? "keep" };
}

function partial(contentRange: string): Misbehaviour {
  return async (answer, request) => ({
    ...(await header("content-range", contentRange)(answer, request)),
    status: 206,
  });
}
