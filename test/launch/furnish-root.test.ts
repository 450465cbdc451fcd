// Furnishing one root in several processes at once, as those of a server behind the gateway do.

import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "../support/temp-dir.ts";

const PROCESSES = 4;
const TIMES = 200;

test("processes that furnish a root at once do not get into each other's way", async () => {
  using root = tempDir();
  mkdirSync(root.file("etc"));
  const program = `
    import { rmSync } from "node:fs";
    import { furnishRoot } from ${JSON.stringify(join(import.meta.dir, "../../src/launch/furnish-root.ts"))};
    for (let time = 0; time < ${TIMES}; time += 1) {
      rmSync(${JSON.stringify(root.file("etc/hosts"))}, { force: true });
      furnishRoot(${JSON.stringify(root.path)});
    }
  `;
  const children = Array.from({ length: PROCESSES }, () =>
    Bun.spawn([process.execPath, "-e", program], { stdout: "ignore", stderr: "pipe" }),
  );
  const said = await Promise.all(children.map(({ stderr }) => stderr.text()));
  expect(said.join("")).toBe("");
  expect(await Promise.all(children.map(({ exited }) => exited))).toEqual([0, 0, 0, 0]);
  expect(readFileSync(root.file("etc/hosts"))).toEqual(readFileSync("/etc/hosts"));
  expect(readdirSync(root.file("etc")).toSorted()).toEqual(["hosts", "resolv.conf"]);
});
