// How the table of places is made from what the starts wrote. Nothing is started here.

import { describe, expect, test } from "bun:test";
import written from "../../docs/places.json";
import { judge, parseStarts } from "../../scripts/places/judge.ts";
import { PLACES } from "../../scripts/places/places.ts";
import {
  ASKED_MODES,
  type AskedMode,
  type Cell,
  differences,
  outcomesOf,
  type PlacesResults,
  problemsIn,
} from "../../scripts/places/results.ts";
import { placesTables } from "../../scripts/places/section.ts";
import type { Evidence } from "../support/sample-images/evidence.ts";
import { NODE } from "../support/sample-images/node.ts";

const published = written as unknown as PlacesResults;

const EVIDENCE: Evidence = {
  interpreter: "/usr/local/bin/node",
  uid: 1000,
  home: "/home/node",
  homeWritable: true,
  tmpWritable: true,
  noNewPrivileges: true,
  seesMachine: false,
};

function judged(lines: readonly object[], exit = 0): Cell {
  const text = [{ start: "node:auto" }, ...lines, { exit }].map((line) => JSON.stringify(line));
  const [start] = parseStarts(`\n${text.join("\n\n")}\n`);
  if (start === undefined) throw new Error("there was no start");
  return judge(start, { sample: NODE, uid: 1000 });
}

function ran(mode: string, changes: Partial<Evidence> = {}): Cell {
  const log = { level: "info", message: `run mode ${mode}: it works` };
  return judged([log, { ...EVIDENCE, ...changes }]);
}

describe("a start", () => {
  const ROOT = "/var/cache/fastmcp-runner/run-1-2-3-Xy/rootfs";
  const MODES: readonly (readonly [mode: string, changes: Partial<Evidence>])[] = [
    ["chroot", {}],
    ["chroot", { interpreter: "node", noNewPrivileges: null }],
    ["proot", {}],
    ["overlay", { seesMachine: true, home: "/home/mcp" }],
    ["loader", { seesMachine: true, interpreter: `${ROOT}/lib64/ld-linux-x86-64.so.2` }],
    ["loader", { seesMachine: true, interpreter: `${ROOT}/usr/local/bin/node` }],
  ];
  test.each(MODES)("in %s with %j works", (mode, changes) => {
    expect(ran(mode, changes)).toEqual({ mode });
  });

  const FAULTS: readonly (readonly [string, Partial<Evidence>, string])[] = [
    ["chroot", { uid: 0 }, "the server is user 0, not 1000"],
    ["userns", { seesMachine: true }, "it sees this machine's files"],
    ["loader", {}, "it does not see this machine's files"],
    ["proot", { interpreter: "/usr/bin/node" }, "it runs as /usr/bin/node"],
    ["proot", { interpreter: "node", noNewPrivileges: null }, "it runs as node"],
    ["loader", { seesMachine: true }, "it runs as /usr/local/bin/node"],
    ["chroot", { home: "/app" }, "HOME is /app"],
    ["chroot", { homeWritable: false }, "it cannot write to HOME, /home/node"],
    ["chroot", { tmpWritable: false }, "it cannot write to /tmp"],
    ["userns", { noNewPrivileges: false }, "no_new_privs is not set"],
    ["userns", { noNewPrivileges: null }, "no_new_privs is not set"],
  ];
  test.each(FAULTS)("in %s with %j is a fault", (mode, changes, problem) => {
    expect(ran(mode, changes)).toEqual({ fault: `in mode ${mode} ${problem}` });
  });

  const refusal = (code: string, message: string) => ({ level: "error", code, message });

  test("that the runner refuses has its code and its sentence, the same in every run", () => {
    const message = "no program in /tmp/x/run-12-ab/rootfs can start";
    expect(judged([refusal("COMMAND_NOT_RUNNABLE", message)], 126)).toEqual({
      code: "COMMAND_NOT_RUNNABLE",
      why: "no program in WORK_DIR/run-…/rootfs can start",
    });
  });

  test("that fails in any other way is a fault", () => {
    expect(judged([refusal("INTERNAL", "undefined")], 125)).toEqual({ fault: "undefined" });
    expect(judged([], 139)).toEqual({ fault: "it ended with 139" });
    expect(judged([EVIDENCE], 1)).toEqual({ fault: "it ended with 1" });
    expect(parseStarts('{"start":"a"}\nSegmentation fault\n{"exit":0}')).toEqual([
      { start: "a", exit: 0, lines: [{ stray: "Segmentation fault" }] },
    ]);
    expect(judged([{ stray: "Segmentation fault" }, EVIDENCE])).toHaveProperty("fault");
  });
});

function resultsOf(cellFor: (mode: AskedMode) => Cell): PlacesResults {
  const outcomes = ASKED_MODES.map((mode) => [mode, outcomesOf(() => cellFor(mode))] as const);
  const record = Object.fromEntries(outcomes) as PlacesResults["places"][number]["outcomes"];
  return { places: [{ name: "here", title: "here", outcomes: record }] };
}

describe("the table", () => {
  const works: Cell = { mode: "chroot" };
  const refused: Cell = { code: "RUN_MODE_UNAVAILABLE", why: "not here" };

  test("is of all places, and every cell of it says something", () => {
    expect(published.places.map(({ name }) => name)).toEqual(PLACES.map(({ name }) => name));
    const { auto, modes, reasons } = placesTables(published);
    expect([...auto, ...modes].flat().filter((cell) => cell.trim() === "")).toEqual([]);
    expect(new Set([...auto, ...modes].map((row) => row.length)).size).toBe(2);
    const numbers = [...auto, ...modes].flat().flatMap((cell) => /\((\d+)\)/.exec(cell)?.[1] ?? []);
    expect(new Set(numbers).size).toBe(reasons.length);
  });

  test("has nothing that must not be published", () => {
    expect(problemsIn(published)).toEqual([]);
  });

  test("is not published where auto fails and another mode works, or where anything is a fault", () => {
    expect(problemsIn(resultsOf((mode) => (mode === "proot" ? works : refused)))[0]).toBe(
      "here, RUN_MODE=auto, node: proot works, but it says RUN_MODE_UNAVAILABLE: not here",
    );
    expect(problemsIn(resultsOf(() => refused))).toEqual([]);
    const [fault] = problemsIn(resultsOf(() => ({ fault: "it vanished" })));
    expect(fault).toBe("here, RUN_MODE=auto, node: it vanished");
    expect(() => placesTables(resultsOf(() => ({ fault: "it vanished" })))).toThrow("it vanished");
  });

  test("joins modes that are alike, and tells each reason once", () => {
    const { modes, reasons } = placesTables(
      resultsOf((mode) => (mode === "loader" || mode === "proot" ? works : refused)),
    );
    expect(modes.slice(1).map(([, names, cell]) => [names, cell])).toEqual([
      ["`overlay`, `chroot`, `userns`", "no (1)"],
      ["`proot`, `loader`", "works"],
    ]);
    expect(reasons).toEqual(["not here [`RUN_MODE_UNAVAILABLE`]"]);
  });

  test("differs from another in the cells that do", () => {
    const before = resultsOf(() => works);
    const after = resultsOf((mode) => (mode === "proot" ? refused : works));
    expect(differences(after, after)).toEqual([]);
    expect(differences(after, before)[0]).toBe(
      "here, RUN_MODE=proot, node: RUN_MODE_UNAVAILABLE: not here, not works in chroot",
    );
    expect(differences(after, { places: [] })).toEqual(["here is not in the table"]);
  });
});
