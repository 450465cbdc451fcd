import { describe, expect, test } from "bun:test";
import { join } from "node:path";

const SUPERVISE = join(import.meta.dir, "../../src/system/supervise.ts");

/** Supervises a shell script in a process of its own; the script writes its PID to descriptor 3. */
function superviseScript(script: string) {
  const program = `
    import { supervise } from ${JSON.stringify(SUPERVISE)};
    process.on("SIGTERM", () => process.exit(99));
    const argv = ["/bin/sh", "-c", ${JSON.stringify(script)}];
    const findTarget = (text) => text.includes("\\n") ? Number(text) : undefined;
    process.exit(await supervise({ argv, env: { ONLY: "this" }, findTarget }));`;
  return Bun.spawn([process.execPath, "-e", program], {
    stdout: "pipe",
    stderr: "pipe",
    stdin: "pipe",
  });
}

describe("supervise", () => {
  const ENDS = [
    { script: "exit 0", status: 0 },
    { script: "exit 42", status: 42 },
    { script: "kill -9 $$", status: 137 },
    { script: "kill -USR1 $$", status: 138 },
  ];
  for (const { script, status } of ENDS) {
    test(`"${script}" ends with ${status}`, async () => {
      expect(await superviseScript(script).exited).toBe(status);
    });
  }

  test("a signal goes to the process that was found, which decides the end", async () => {
    const child = superviseScript(
      "trap 'echo got; exit 5' TERM; echo $$ >&3; echo ready; while :; do sleep 0.02; done",
    );
    const output = child.stdout.getReader();
    await output.read();
    child.kill("SIGTERM");
    expect(new TextDecoder().decode((await output.read()).value)).toBe("got\n");
    expect(await child.exited).toBe(5);
  });

  test("an end that is told beats the program's own, which is signalled to end too", async () => {
    const program = `
      import { supervise } from ${JSON.stringify(SUPERVISE)};
      const script = "trap 'exit 1' QUIT; echo $$ >&3; echo ended >&3; while :; do sleep 0.02; done";
      const end = { find: (text) => (text.includes("ended") ? 9 : undefined), signal: "SIGQUIT" };
      const argv = ["/bin/sh", "-c", script];
      process.exit(await supervise({ argv, env: {}, findTarget: parseInt, end }));`;
    expect(await Bun.spawn([process.execPath, "-e", program]).exited).toBe(9);
  });

  test("a signal that comes before the process is known waits for it", async () => {
    const child = superviseScript(
      "trap 'exit 6' TERM; echo ready; read line; echo $$ >&3; while :; do sleep 0.02; done",
    );
    await child.stdout.getReader().read();
    child.kill("SIGTERM");
    child.stdin.write("now\n");
    await child.stdin.end();
    expect(await child.exited).toBe(6);
  });

  test("stdin and the environment are the child's as given", async () => {
    const child = superviseScript("cat; echo $ONLY$HOME");
    child.stdin.write("input\n");
    await child.stdin.end();
    expect(await new Response(child.stdout).text()).toBe("input\nthis\n");
  });
});
