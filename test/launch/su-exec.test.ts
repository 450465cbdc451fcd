import { describe, expect, test } from "bun:test";
import type { LaunchPlan } from "../../src/launch/launch-plan.ts";
import { throughSuExec } from "../../src/launch/su-exec.ts";

const PLAN: LaunchPlan = {
  mode: "overlay",
  reason: "",
  root: "/",
  program: "/app/bin/python",
  argv: ["python", "-m", "server"],
  environment: { PATH: "/app/bin", HOME: "/home/app", SECRET: "s3cret" },
  workingDirectory: "/app",
  identity: { uid: 1000, gid: 1000 },
  drop: true,
};
const TOOLS = { suExec: "/sbin/su-exec", env: "/usr/bin/env" };

describe("throughSuExec", () => {
  test("numeric ids, HOME put back by env, and no other value in argv", () => {
    expect(throughSuExec(PLAN, TOOLS)).toEqual({
      program: "/sbin/su-exec",
      argv: [
        "/sbin/su-exec",
        "1000:1000",
        "/usr/bin/env",
        "HOME=/home/app",
        "python",
        "-m",
        "server",
      ],
      environment: { PATH: "/app/bin", SECRET: "s3cret" },
      workingDirectory: "/app",
    });
  });

  for (const name of [
    "LD_PRELOAD",
    "LD_AUDIT",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "LOCPATH",
    "TMPDIR",
  ]) {
    test(`${name} is withheld from su-exec`, () => {
      const plan = { ...PLAN, environment: { [name]: "/app/x", PATH: "/app/bin" } };
      const successor = throughSuExec(plan, TOOLS);
      expect(successor?.environment).toEqual({ PATH: "/app/bin" });
      expect(successor?.argv).toContain(`${name}=/app/x`);
    });
  }

  test("a command with = in its name is not for env", () => {
    expect(throughSuExec({ ...PLAN, argv: ["/app/a=b"] }, TOOLS)).toBeUndefined();
  });
});
