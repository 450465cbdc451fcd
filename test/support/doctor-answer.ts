// What `doctor --json` answers, as a program that reads it may count on: every field is there, and no other is.

import * as v from "valibot";
import { RUN_MODES } from "../../src/launch/run-mode.ts";

const MODES = RUN_MODES.filter((mode) => mode !== "auto");

const sentence = v.pipe(v.string(), v.nonEmpty());
const ability = v.variant("works", [
  v.strictObject({ works: v.literal(true), detail: sentence }),
  v.strictObject({ works: v.literal(false), why: sentence }),
]);
const program = v.pipe(v.string(), v.startsWith("/"));
const place = v.strictObject({ path: program, writable: v.boolean() });
const digest = v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/));

const answer = v.strictObject({
  version: v.pipe(v.string(), v.regex(/^\d+\.\d+\.\d+/)),
  commit: v.pipe(v.string(), v.hexadecimal()),
  platform: v.pipe(v.string(), v.regex(/^linux\/\w+/)),
  user: v.strictObject({ uid: v.number(), gid: v.number() }),
  registryClient: v.strictObject({
    client: v.picklist(["builtin", "crane", "none"]),
    why: sentence,
  }),
  mirrors: v.record(v.string(), v.array(sentence)),
  credentials: v.array(sentence),
  workDirectory: place,
  cache: v.exactOptional(place),
  baked: v.exactOptional(
    v.union([v.strictObject({ image: sentence, digest }), v.strictObject({ problem: sentence })]),
  ),
  runMode: v.union([
    v.strictObject({ asked: v.picklist(RUN_MODES), mode: v.picklist(MODES), reason: sentence }),
    v.strictObject({
      asked: v.picklist(RUN_MODES),
      problem: sentence,
      hint: v.exactOptional(sentence),
    }),
  ]),
  probe: v.strictObject({
    root: v.boolean(),
    ownsRoot: v.boolean(),
    modes: v.strictObject({
      overlay: ability,
      chroot: ability,
      userns: ability,
      proot: ability,
      loader: ability,
      baked: ability,
    }),
    start: ability,
    mounts: ability,
    tools: v.strictObject({ unshare: ability, bwrap: ability }),
    namespaceTool: v.exactOptional(
      v.strictObject({ name: v.picklist(["unshare", "bwrap"]), program }),
    ),
    tracer: v.exactOptional(
      v.strictObject({
        program,
        environment: v.record(v.string(), v.string()),
        filtered: v.boolean(),
        old: v.boolean(),
      }),
    ),
    dropTool: v.exactOptional(program),
  }),
});

export type DoctorAnswer = v.InferOutput<typeof answer>;

/** Throws where the text is anything else. */
export function parseDoctorAnswer(stdout: string): DoctorAnswer {
  return v.parse(answer, JSON.parse(stdout));
}
