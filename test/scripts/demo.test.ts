import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { needs } from "../support/requirements.ts";

const ROOT = join(import.meta.dir, "../..");
const DEMO_MS = 180_000;

needs("node")(
  "the demo says what the README shows of it",
  async () => {
    const child = Bun.spawn([process.execPath, join(ROOT, "scripts/demo.ts")], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [stdout, stderr, exitCode] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    expect({ exitCode, stderr: exitCode === 0 ? "" : stderr }).toEqual({ exitCode: 0, stderr: "" });
    for (const line of shownLines()) expect(Bun.stripANSI(stdout)).toMatch(line);
  },
  DEMO_MS,
);

/** What the demo itself says: the runner's log depends on the machine, and every number may be another. */
function shownLines(): RegExp[] {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const shown = /\$ npx [^\n]* run demo\n[^]*?```console\n([^]*?)```/.exec(readme)?.[1] ?? "";
  const lines = shown.split("\n").filter((line) => /^(?:▸| {2})/.test(line));
  expect(lines.length).toBeGreaterThan(5);
  return lines.map((line) => {
    const parts = line.split(/\d+|…/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return new RegExp(`^${parts.join(".*")}$`, "m");
  });
}
