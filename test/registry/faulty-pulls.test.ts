// Many pulls through a registry that does something wrong about every other time it is asked: each ends with the right
// tree or with an error that a person can act on, and nothing stays behind. REGISTRY_SEED makes it another search.

import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { RunnerError } from "../../src/errors.ts";
import { Random } from "../layers/fuzz/random.ts";
import { buildImage } from "../support/image-builder.ts";
import {
  startMisbehavingRegistry,
  type Fault,
  type Misbehaviour,
  type MisbehavingOptions,
  type Step,
} from "../support/misbehaving-registry.ts";
import { ACCOUNT } from "../support/misbehaviour-row.ts";
import {
  body,
  breaks,
  challenge,
  chunked,
  damaged,
  followedBy,
  header,
  json,
  longer,
  redirect,
  refuses,
  says,
  shorter,
  status,
  untilClosed,
} from "../support/misbehaviours.ts";
import { pullFrom } from "../support/pull-from.ts";

const SEED = Number(process.env["REGISTRY_SEED"] ?? 4);
const PULLS = 200;
const AT_ONCE = 4;
// It is really waited for.
const STALL_MS = 100;
const TIMEOUT_MS = 120_000;

const IMAGE = buildImage({
  layers: [
    [{ path: "below", content: "b".repeat(20_000) }],
    [{ path: "above", content: new Random(SEED, 0).bytes(5000) }],
  ],
});
const STEPS: readonly Step[] = ["token", "manifest", "config", "blob", "storage"];
const STATUSES = [204, 400, 401, 403, 404, 408, 416, 418, 429, 500, 502, 503, 504];

test(
  `${PULLS} pulls with random faults end with the right tree or a clear error (seed ${SEED})`,
  async () => {
    const right = await pullOnce({});
    const descriptors = readdirSync("/proc/self/fd").length;
    const ends: Record<string, number> = {};
    for (let first = 1; first <= PULLS; first += AT_ONCE) {
      const pulls = Array.from({ length: AT_ONCE }, (_, index) => endOf(first + index));
      for (const end of await Promise.all(pulls)) {
        if (typeof end !== "string") expect(end).toEqual(right);
        const name = typeof end === "string" ? end : "tree";
        ends[name] = (ends[name] ?? 0) + 1;
      }
    }
    // Neither all luck nor none.
    expect(ends["tree"]).toBeWithin(PULLS / 2, PULLS);
    while (readdirSync("/proc/self/fd").length > descriptors) await Bun.sleep(20);
  },
  TIMEOUT_MS,
);

/** The tree, or the code of a clear error. Fails for any other error. */
async function endOf(pull: number) {
  const random = new Random(SEED, pull);
  const faults = STEPS.map((at): Fault => ({ at, does: sometimes(random) }));
  const account = random.oneIn(2) ? ACCOUNT : undefined;
  const scheme = account !== undefined && random.oneIn(2) ? "basic" : "bearer";
  const options = {
    faults,
    usesStorage: random.oneIn(2),
    ...(random.oneIn(4) ? {} : { access: { scheme, ...(account && { account }) } as const }),
  };
  try {
    return await pullOnce(options);
  } catch (error) {
    const isClear = error instanceof RunnerError && error.code !== "INTERNAL";
    if (!isClear) throw new Error(`pull ${pull} ends badly`, { cause: error });
    expect(Bun.inspect(error)).not.toContain("canary");
    return error.code;
  }
}

async function pullOnce(options: Partial<MisbehavingOptions>) {
  await using registry = await startMisbehavingRegistry({
    images: { "org/app:1": IMAGE },
    ...options,
  });
  const credentials = options.access?.account;
  return await pullFrom(`${registry.host}/org/app:1`, { credentials, stallMs: STALL_MS });
}

function sometimes(random: Random): Misbehaviour {
  return (answer, request) => (random.oneIn(2) ? answer : fault(random)(answer, request));
}

function fault(random: Random): Misbehaviour {
  const at = random.below(6000);
  const faults: readonly (() => Misbehaviour)[] = [
    // What passes comes more often than what does not, as it does in life.
    ...Array.from({ length: 4 }, () => () => breaks(random.pick(["close", "reset"]), at)),
    ...Array.from({ length: 4 }, () => () => status(random.pick([429, 500, 502, 503, 504]))),
    () => breaks(random.pick(["close", "reset"]), "nothing"),
    () => (random.oneIn(4) ? breaks("hang", random.oneIn(2) ? "nothing" : at) : status(503)),
    () => refuses(429, "TOOMANYREQUESTS", { "retry-after": String(random.below(70)) }),
    () => chunked((bytes) => bytes),
    () => chunked(shorter, true),
    () => untilClosed((bytes) => bytes),
    () => untilClosed(shorter),
    () => followedBy("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"),
    () => header("content-type", random.oneIn(3) ? undefined : random.pick(["text/html", "x"])),
    () => header("content-range", "bytes 0-1/2"),
    () => (random.oneIn(3) ? rare(random) : header("etag", undefined)),
  ];
  return random.pick(faults)();
}

function rare(random: Random): Misbehaviour {
  const faults: readonly (() => Misbehaviour)[] = [
    () => status(random.pick(STATUSES)),
    () => damaged,
    () => body(random.pick([shorter, longer])),
    () => chunked(longer),
    () => json({ token: "t\r\nx: y" }),
    () => says(200, "<html>Welcome"),
    () => header("content-encoding", random.pick(["gzip", "zstd", "br"])),
    () => challenge('Bearer realm="http://STRANGER/token"', "Basic realm=x"),
    () => redirect(random.pick(["http://STRANGER/x", "http://169.254.169.254/", "x:y", "/v2/"])),
  ];
  return random.pick(faults)();
}
