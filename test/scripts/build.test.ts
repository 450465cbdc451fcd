import { expect, test } from "bun:test";
import { TARGETS, type Target, hostTarget } from "../../scripts/build.ts";
import { needsThat } from "../support/requirements.ts";
import { runnerBinary } from "../support/runner-binary.ts";

const HOST = hostTarget();
const OTHERS = Object.keys(TARGETS).filter((name): name is Target => name !== HOST);
const COMPILE_MS = 300_000;

/** Where an ELF file says which machine it is for, and which loader; the names are in its first pages. */
const MACHINE_OFFSET = 0x12;
const MACHINES = { x64: 62, arm64: 183 } as const;
const LOADERS = {
  "linux-x64": "/lib64/ld-linux-x86-64.so.2",
  "linux-arm64": "/lib/ld-linux-aarch64.so.1",
  "linux-x64-musl": "/lib/ld-musl-x86_64.so.1",
  "linux-arm64-musl": "/lib/ld-musl-aarch64.so.1",
} as const;

const inCi = needsThat(
  process.env["CI"] === "true",
  "left to CI: it downloads Bun for the other targets",
);

for (const target of OTHERS) {
  inCi(`${target} compiles, and is what its name says`, () => check(target), COMPILE_MS);
}
test(`${HOST} compiles, and is what its name says`, () => check(HOST), COMPILE_MS);

async function check(target: Target): Promise<void> {
  const file = Bun.file(await runnerBinary(target));
  const start = Buffer.from(await file.slice(0, 4096).arrayBuffer());
  expect(start.readUInt16LE(MACHINE_OFFSET)).toBe(MACHINES[TARGETS[target].architecture]);
  expect(start.includes(`${LOADERS[target]}\0`)).toBe(true);
}
