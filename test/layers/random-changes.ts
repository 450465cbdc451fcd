// Layers by chance: few names, so that they meet, and every way to write them; links that lead up, around and nowhere;
// whiteouts of everything; now and then something that no layer may hold.

import fc from "fast-check";
import type { Change, Encoding } from "./changes.ts";
import { IS_ROOT } from "./support.ts";

export interface Tastes {
  /** Whether layers may hold what is to be refused, and names that only a hostile archive has. */
  readonly isHostile: boolean;
}

type Layers = readonly (readonly Change[])[];

const COMPONENTS = ["a", "b", "c", "d"];
const ODD_COMPONENTS = ["\xff\xfe", "\xc3\xa9", "new\nline", ".wh", "..a", "x".repeat(120)];
const MARKER_COMPONENTS = [".wh.a", ".wh.b", ".wh..wh..opq", ".wh..wh.plnk", ".wh..wh.c"];
const HOSTILE_NAMES = ["", "/", "..", "../a", "a/../../b", ".wh.", "a/.wh..", "b/.wh...", "."];
/** Directories that only root can look into afterwards. */
const CLOSED_MODES = IS_ROOT ? [0o000, 0o311, 0o555] : [];
const DIRECTORY_MODES = [0o755, 0o700, 0o1777, 0o2755, ...CLOSED_MODES];
const FILE_MODES = [0o644, 0o600, 0o755, 0o4755, 0o2711, ...(IS_ROOT ? [0] : [])];
/** Nanoseconds: round ones, one before 1970, and one after 2038. */
const TIMES = [
  1n,
  1_000_000_000n,
  1_700_000_000_123_456_789n,
  -1_500_000_000n,
  4_000_000_000n * 10n ** 9n,
];

/** One to four layers of a few changes each. */
export function randomLayers(tastes: Tastes): fc.Arbitrary<Layers> {
  const layer = fc.array(randomChange(tastes), { maxLength: 9 });
  return fc.array(layer, { minLength: 1, maxLength: 4 }).map(withTargets);
}

function randomChange(tastes: Tastes): fc.Arbitrary<Change> {
  const { name, encoding } = { name: randomName(tastes), encoding: randomEncoding() };
  const mtime = fc.constantFrom(...TIMES);
  const mode = fc.constantFrom(...FILE_MODES);
  const common = { name, encoding };
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("directory" as const),
        ...common,
        mode: fc.constantFrom(...DIRECTORY_MODES),
        mtime,
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("file" as const),
        ...common,
        mode,
        mtime,
        content: randomContent(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("symlink" as const),
        ...common,
        target: randomTarget(tastes),
        mtime,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("hardlink" as const),
        ...common,
        target: randomLink(),
      }),
    },
    { weight: 4, arbitrary: randomMarker(tastes) },
    {
      weight: tastes.isHostile ? 1 : 0,
      arbitrary: fc.record({
        kind: fc.constantFrom("fifo" as const, "device" as const),
        ...common,
        mode,
        mtime,
      }),
    },
  );
}

function randomMarker(tastes: Tastes): fc.Arbitrary<Change> {
  const hidden = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...COMPONENTS) },
    { weight: 1, arbitrary: fc.constantFrom(".wh..opq", "\xff\xfe", ".hidden") },
  );
  const directory = fc.oneof(
    fc.constant(""),
    randomName(tastes).map((name) => `${name}/`),
  );
  return fc.record({
    kind: fc.constant("file" as const),
    name: fc.tuple(directory, hidden).map(([parent, name]) => `${parent}.wh.${name}`),
    encoding: randomEncoding(),
    mode: fc.constant(0o644),
    mtime: fc.constant(0n),
    content: fc.constant(""),
  });
}

function randomName({ isHostile }: Tastes): fc.Arbitrary<string> {
  const component = fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(...COMPONENTS) },
    { weight: 2, arbitrary: fc.constantFrom(...ODD_COMPONENTS) },
    { weight: isHostile ? 1 : 0, arbitrary: fc.constantFrom(...MARKER_COMPONENTS) },
  );
  const path = fc.array(component, { minLength: 1, maxLength: 3 });
  const written = fc.tuple(path, randomSpelling()).map(([parts, spell]) => spell(parts));
  const hostile = fc.constantFrom(...HOSTILE_NAMES);
  const weights = { weight: isHostile ? 1 : 0, arbitrary: hostile };
  return fc.oneof({ weight: 100, arbitrary: written }, weights);
}

type Spelling = (components: readonly string[]) => string;

/** The ways to write one path. */
const SPELLINGS: Readonly<Record<string, Spelling>> = {
  plain: (components) => components.join("/"),
  dotted: (components) => `./${components.join("/./")}`,
  absolute: (components) => `/${components.join("//")}`,
  slashed: (components) => `${components.join("/")}/`,
  detour: (components) => `elsewhere/../${components.join("/")}`,
};

function randomSpelling(): fc.Arbitrary<Spelling> {
  const { plain, ...others } = SPELLINGS;
  const odd = fc.constantFrom(...Object.keys(others)).map((name) => SPELLINGS[name]);
  const usual = fc.constant(plain);
  return fc
    .oneof({ weight: 4, arbitrary: usual }, { weight: 1, arbitrary: odd })
    .map((spelling) => spelling ?? ((components) => components.join("/")));
}

function randomTarget({ isHostile }: Tastes): fc.Arbitrary<string> {
  const component = fc.constantFrom(...COMPONENTS, ...COMPONENTS, "..", ".");
  const path = fc.array(component, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  const absolute = path.map((target) => `/${target}`);
  const odd = fc.constantFrom("/", "../../..", "\xff", "a//b/", "y".repeat(150));
  return fc.oneof(
    { weight: 6, arbitrary: path },
    { weight: 3, arbitrary: absolute },
    { weight: 1, arbitrary: odd },
    { weight: isHostile ? 1 : 0, arbitrary: fc.constantFrom("", "/proc/self/root/etc") },
  );
}

/** Mostly the number of some name before it, which `withTargets` looks up: links to nothing are refused, and teach little. */
function randomLink(): fc.Arbitrary<string> {
  const number = fc.nat({ max: 30 }).map((index) => `${NUMBER}${index}`);
  const path = fc.array(fc.constantFrom(...COMPONENTS), { minLength: 1, maxLength: 2 });
  return fc.oneof(
    { weight: 12, arbitrary: number },
    { weight: 1, arbitrary: path.map((parts) => `../${parts.join("/")}`) },
  );
}

const NUMBER = "#";

/** Gives every hard link the name of a file or link before it. */
function withTargets(layers: Layers): Layers {
  const names: string[] = [];
  return layers.map((changes) =>
    changes.flatMap((change): Change[] => {
      const isMarker = change.name.includes(".wh.");
      if (change.kind === "hardlink" && change.target.startsWith(NUMBER)) {
        if (names.length === 0) return [];
        const index = Number(change.target.slice(NUMBER.length)) % names.length;
        return [{ ...change, target: names.at(-1 - index) ?? "" }];
      }
      if (change.kind !== "directory" && change.kind !== "hardlink" && !isMarker)
        names.push(change.name);
      return [change];
    }),
  );
}

function randomContent(): fc.Arbitrary<string> {
  return fc.constantFrom("", "one", "two", "three", "z".repeat(513));
}

function randomEncoding(): fc.Arbitrary<Encoding> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.constant("header" as const) },
    { weight: 1, arbitrary: fc.constantFrom("pax" as const, "gnu" as const) },
  );
}
