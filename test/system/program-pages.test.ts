import { expect, test } from "bun:test";
import { join } from "node:path";

const PAGES = join(import.meta.dir, "../../src/system/program-pages.ts");

test("code that was read for the start is given back, and read again where it is needed", async () => {
  const child = Bun.spawn([process.execPath, "-e", SCRIPT], {
    env: { PATH: process.env["PATH"] ?? "", PAGES },
    stdout: "pipe",
    stderr: "inherit",
  });
  const [before = 0, after = 0] = (await child.stdout.text()).trim().split(" ").map(Number);
  expect(await child.exited).toBe(0);
  expect(after).toBeLessThan(before * 0.9);
});

const SCRIPT = `
const { forgetProgramPages } = await import(process.env.PAGES);
const kilobytes = () =>
  Number(/^RssFile:\\s*(\\d+)/m.exec(require("node:fs").readFileSync("/proc/self/status", "utf8"))[1]);
const work = () => JSON.stringify(Object.fromEntries("abc".split("").map((c) => [c, c.codePointAt(0)])));
const made = work();
const before = kilobytes();
forgetProgramPages();
const after = kilobytes();
if (work() !== made) process.exit(1);
console.log(before, after);
`;
