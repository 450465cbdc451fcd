import { expect, test } from "bun:test";
import { join } from "node:path";

const GATEWAY_LOG = join(import.meta.dir, "../../src/stages/gateway-log.ts");

test("what a server writes without end is told as far as anybody reads, and cannot command a terminal", async () => {
  const script = `
    const { outputLogger } = await import(process.env.GATEWAY_LOG);
    const tell = outputLogger();
    tell(7, "\\u001b[2J\\rfastmcp-runner: error: forged");
    tell(7, "x".repeat(1_000_000));
    for (let line = 0; line < 10_000; line++) tell(7, "line " + line);
  `;
  const child = Bun.spawn([process.execPath, "-e", script], {
    env: { PATH: process.env["PATH"] ?? "", GATEWAY_LOG },
    stderr: "pipe",
  });
  const text = await child.stderr.text();
  const [first = "", second = "", ...others] = text.trimEnd().split("\n");
  expect(first).toBe("fastmcp-runner: server 7: \\x1b[2J\\x0dfastmcp-runner: error: forged");
  expect(second.length).toBeLessThan(9_000);
  expect(others.length).toBeLessThan(1_000);
});
