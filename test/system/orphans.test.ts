import { expect, test } from "bun:test";
import { join } from "node:path";

const ORPHANS = join(import.meta.dir, "../../src/system/orphans.ts");

test("orphans come here, leave no zombies, and end with whoever adopted them", async () => {
  // A process of its own, because what is changed stays changed.
  const child = Bun.spawn([process.execPath, "-e", SCRIPT], {
    env: { PATH: process.env["PATH"] ?? "", ORPHANS },
    stdout: "pipe",
    stderr: "inherit",
  });
  expect(await child.stdout.text()).toBe("adopted\nreaped\nended\nended below\n");
  expect(await child.exited).toBe(0);
});

const SCRIPT = `
const { adoptOrphans } = await import(process.env.ORPHANS);
const { existsSync, readFileSync } = require("node:fs");
const parentOf = (pid) => Number(readFileSync("/proc/" + pid + "/stat", "utf8").split(") ")[1].split(" ")[1]);
const until = async (holds) => { while (!holds()) await Bun.sleep(5); };
const own = new Set();
const adopted = adoptOrphans((pid) => own.has(pid));
const start = async (script) => {
  const parent = Bun.spawn(["/bin/sh", "-c", script], { stdout: "pipe" });
  own.add(parent.pid);
  const orphan = Number(await parent.stdout.text().then((text) => text.trim()));
  await parent.exited;
  own.delete(parent.pid);
  return orphan;
};
const short = await start("setsid sleep 0.1 >/dev/null & echo $!");
await until(() => !existsSync("/proc/" + short) || parentOf(short) === process.pid);
console.log("adopted");
await until(() => !existsSync("/proc/" + short));
console.log("reaped");
const long = await start("setsid sleep 1000 >/dev/null & echo $!");
// Each in a session of its own, below one that is ended first.
const below = await start("setsid sh -c 'setsid sleep 1000 >/dev/null & echo $!; exec >/dev/null; wait' & sleep 0.2");
adopted[Symbol.dispose]();
await until(() => !existsSync("/proc/" + long) || readFileSync("/proc/" + long + "/stat", "utf8").includes(") Z "));
console.log("ended");
await until(() => !existsSync("/proc/" + below));
console.log("ended below");
`;
