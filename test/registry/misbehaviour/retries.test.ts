// What passes by itself if one asks again: limits, servers in trouble, connections that break, hosts that fall silent.
// And what does not. Nothing here waits: the client's clock is the test's.

import { describe } from "bun:test";
import { fastClock } from "../../support/fast-clock.ts";
import { holdRows, type Row } from "../../support/misbehaviour-row.ts";
import { at, breaks, refuses, says, status } from "../../support/misbehaviours.ts";

const STALL_MS = 150;
const NOW = fastClock().now();
const SECOND = 1000;

for (const step of ["token", "manifest", "config", "blob", "storage"] as const) {
  const where = { token: "at the token service", storage: "at the storage" } as const;
  const registry = {
    usesStorage: step === "storage",
    ...(step === "token" ? { access: { scheme: "bearer" } as const } : {}),
  };
  const place = step === "token" || step === "storage" ? where[step] : `at the ${step}`;

  describe(`429 ${place}`, () => {
    const limit = (after: string, date?: string) =>
      refuses(429, "TOOMANYREQUESTS", {
        "retry-after": after,
        ...(date === undefined ? {} : { date }),
      });
    holdRows(
      [
        {
          title: "with seconds is obeyed",
          faults: at(step, limit("7"), 1),
          waits: [7 * SECOND],
        },
        {
          title: "with a date is obeyed",
          faults: at(step, limit(new Date(NOW + 9 * SECOND).toUTCString()), 1),
          waits: [9 * SECOND],
        },
        {
          title: "with a date is obeyed by the server's own clock",
          faults: at(
            step,
            limit("Thu, 01 Jan 1970 00:01:09 GMT", "Thu, 01 Jan 1970 00:01:00 GMT"),
            1,
          ),
          waits: [9 * SECOND],
        },
        {
          title: "with a date that has passed is tried again",
          faults: at(step, limit("Thu, 01 Jan 1970 00:00:00 GMT"), 1),
          waits: [500],
        },
        {
          title: "with nonsense is tried again",
          faults: at(step, limit("soon"), 1),
          waits: [500],
        },
        {
          title: "with nothing is tried again",
          faults: at(step, status(429), 1),
          waits: [500],
        },
        {
          title: "with a wait of hours is told at once",
          faults: at(step, limit("7200")),
          refused: ["REGISTRY_LIMITED", "2 hours"],
          waits: [],
        },
        {
          title: "for ever is told in the end",
          faults: at(step, limit("1")),
          refused: ["REGISTRY_LIMITED", "limits"],
          waits: [SECOND, SECOND, 2 * SECOND, 4 * SECOND],
        },
      ],
      { registry },
    );
  });

  describe(`trouble ${place}`, () => {
    const passing: Row[] = [408, 425, 429, 499, 500, 502, 503, 504, 522].map((code) => ({
      title: `${code} twice is forgiven`,
      faults: at(step, status(code), 2),
      waits: [500, SECOND],
    }));
    holdRows(
      [
        ...passing,
        {
          title: "503 with seconds is obeyed",
          faults: at(step, status(503, { "retry-after": "3" }), 1),
          waits: [3 * SECOND],
        },
        {
          title: "500 for ever is told in the end",
          faults: at(step, says(500, "<html>oops")),
          refused: ["REGISTRY_RESPONSE_INVALID", "HTTP status 500"],
          waits: [500, SECOND, 2 * SECOND, 4 * SECOND],
        },
        {
          title: "400 is told at once",
          faults: at(step, refuses(400, "UNSUPPORTED")),
          refused: ["REGISTRY_RESPONSE_INVALID", "HTTP status 400"],
          waits: [],
        },
        {
          title: "404 is told at once",
          faults: at(step, status(404)),
          refused: [
            step === "token" || step === "storage"
              ? "REGISTRY_RESPONSE_INVALID"
              : "IMAGE_NOT_FOUND",
            "",
          ],
          waits: [],
        },
        {
          title: "501 is told at once",
          faults: at(step, status(501)),
          refused: ["REGISTRY_RESPONSE_INVALID", "HTTP status 501"],
          waits: [],
        },
        {
          title: "a reset before the answer is forgiven",
          faults: at(step, breaks("reset", "nothing"), 2),
        },
        { title: "a reset in the answer is forgiven", faults: at(step, breaks("reset", 10), 2) },
        {
          title: "a connection that ends before the answer is forgiven",
          faults: at(step, breaks("close", "nothing"), 2),
        },
        {
          title: "a connection that ends every time is told in the end",
          faults: at(step, breaks("close", "nothing")),
          refused: ["REGISTRY_UNREACHABLE", "closes the connection"],
        },
        {
          title: "silence before the answer is forgiven once",
          stallMs: STALL_MS,
          faults: at(step, breaks("hang", "nothing"), 1),
        },
        {
          title: "silence in the answer is forgiven once",
          stallMs: STALL_MS,
          faults: at(step, breaks("hang", 10), 1),
        },
        {
          title: "silence every time is told in the end",
          stallMs: STALL_MS,
          faults: at(step, breaks("hang", "nothing")),
          refused: ["REGISTRY_UNREACHABLE", "silent for"],
        },
      ],
      { registry },
    );
  });
}
