import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { startServerChild, type ServerProgram } from "../../src/system/server-child.ts";
import type { ServerProcess } from "../../src/gateway/server-process.ts";

describe("a program that is talked to in lines", () => {
  test("it answers what it is told", async () => {
    const { child, line } = start('while read -r line; do echo "heard $line"; done');
    await child.send("one");
    expect(await line()).toBe("heard one");
    await child.send("two");
    expect(await line()).toBe("heard two");
    expect(await child.stop()).toEqual({ reason: "exited with status 0", wanted: true });
  });

  test("its end is told with its status", async () => {
    const { child } = start("exit 7");
    expect(await child.ended).toEqual({ reason: "exited with status 7", wanted: false });
  });

  test("its end by a signal is told by the signal's name", async () => {
    const { child } = start("kill -SEGV $$");
    expect(await child.ended).toEqual({ reason: "was ended by SIGSEGV", wanted: false });
  });

  test("a line of stdout that is too long ends it", async () => {
    const { child, lines } = start("head -c 2000 /dev/zero; exec sleep 1000", {
      maxLineBytes: 1_000,
    });
    const { reason } = await child.ended;
    expect(reason).toBe("wrote a line of more than 1000 bytes");
    expect(lines).toEqual([]);
  });

  test("what it writes to stderr comes line by line, cut where it is long", async () => {
    const errors: string[] = [];
    const script =
      "echo short >&2; head -c 9000 /dev/zero | tr '\\0' x >&2; echo >&2; echo last >&2";
    const { child } = start(script, { onStderr: (line) => errors.push(line) });
    await child.ended;
    expect(errors.map((line) => line.length)).toEqual([5, 8_192, 4]);
  });

  test("one that ignores the end of its stdin and SIGTERM is ended with all that it has started", async () => {
    const { child, line } = start("trap '' TERM; sleep 1000 & echo $!; while :; do wait; done");
    const grandchild = await line();
    expect((await child.stop()).reason).toBe("was ended by SIGKILL");
    await until(() => !existsSync(`/proc/${grandchild}`));
  }, 15_000);

  test("what it leaves running is ended with it", async () => {
    const { child, line } = start("sleep 1000 & echo $!; exit 0");
    const grandchild = await line();
    await child.ended;
    await until(() => !existsSync(`/proc/${grandchild}`));
  });

  test("its standard streams can be opened again by name", async () => {
    const { child, line } = start("echo again >/dev/stdout; cat /dev/stdin");
    expect(await line()).toBe("again");
    await child.send("and again");
    expect(await line()).toBe("and again");
    await child.stop();
  });

  test("no descriptor is left of those that have ended", async () => {
    const before = readdirSync("/proc/self/fd").length;
    for (let round = 0; round < 20; round += 1) {
      const { child, line } = start("read -r line; echo $line");
      await child.send("x");
      await line();
      await child.stop();
    }
    expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before + 2);
  });

  test("a line to one that has ended is nobody's trouble", async () => {
    const { child } = start("exit 0");
    await child.ended;
    await child.send("anybody?");
  });

  test("one that never reads makes the sender wait, and no longer than it lives", async () => {
    const { child } = start("exec sleep 1000");
    let waits = true;
    const sent = Promise.resolve(child.send("x".repeat(4_000_000))).then(() => (waits = false));
    await Bun.sleep(0);
    expect(waits).toBe(true);
    process.kill(-child.pid, "SIGKILL");
    await sent;
    await child.ended;
  });
});

interface Talk {
  readonly child: ServerProcess;
  /** The next line of its stdout. */
  line(): Promise<string>;
  readonly lines: readonly string[];
}

function start(script: string, options: Partial<ServerProgram> = {}): Talk {
  const lines: string[] = [];
  let taken = 0;
  let tell = () => {};
  const child = startServerChild(
    {
      argv: ["/bin/bash", "-c", script],
      env: { PATH: "/usr/bin:/bin" },
      maxLineBytes: 1_000_000,
      onStderr: () => {},
      ...options,
    },
    {
      onLine(line) {
        lines.push(line);
        tell();
      },
    },
  );
  return {
    child,
    lines,
    async line() {
      while (lines.length <= taken) await new Promise<void>((resolve) => (tell = resolve));
      taken += 1;
      return lines[taken - 1] ?? "";
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await Bun.sleep(5);
}
