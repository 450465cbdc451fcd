import { describe, expect, test } from "bun:test";
import type { Probe } from "../../src/launch/probe.ts";
import {
  chooseRunMode,
  type OverlayEvidence,
  type RunModeChoice,
} from "../../src/launch/run-mode.ts";

interface Case {
  readonly asked: RunModeChoice;
  /** The modes that work here. */
  readonly working: string;
  readonly grade: OverlayEvidence["grade"];
  readonly mode: string;
}

const CASES: readonly Case[] = [
  { asked: "auto", working: "overlay chroot", grade: "whole", mode: "overlay" },
  { asked: "auto", working: "overlay chroot", grade: "partial", mode: "chroot" },
  { asked: "auto", working: "overlay chroot", grade: "none", mode: "chroot" },
  { asked: "auto", working: "overlay userns", grade: "none", mode: "userns" },
  { asked: "auto", working: "overlay userns", grade: "partial", mode: "userns" },
  { asked: "auto", working: "overlay proot", grade: "whole", mode: "overlay" },
  { asked: "auto", working: "overlay proot", grade: "partial", mode: "proot" },
  { asked: "auto", working: "proot loader", grade: "none", mode: "proot" },
  { asked: "auto", working: "userns proot", grade: "none", mode: "userns" },
  { asked: "auto", working: "chroot mounts proot filtered", grade: "none", mode: "chroot" },
  { asked: "auto", working: "chroot proot", grade: "none", mode: "chroot" },
  { asked: "auto", working: "chroot proot filtered", grade: "none", mode: "proot" },
  { asked: "proot", working: "chroot proot", grade: "none", mode: "proot" },
  { asked: "proot", working: "chroot", grade: "none", mode: "RUN_MODE_UNAVAILABLE" },
  { asked: "auto", working: "overlay", grade: "partial", mode: "overlay" },
  { asked: "auto", working: "overlay", grade: "none", mode: "RUN_MODE_UNAVAILABLE" },
  { asked: "auto", working: "chroot userns", grade: "whole", mode: "chroot" },
  { asked: "auto", working: "userns loader", grade: "none", mode: "userns" },
  { asked: "auto", working: "overlay loader", grade: "partial", mode: "overlay" },
  { asked: "auto", working: "overlay loader", grade: "none", mode: "loader" },
  { asked: "auto", working: "loader", grade: "none", mode: "loader" },
  { asked: "loader", working: "chroot loader", grade: "none", mode: "loader" },
  { asked: "loader", working: "chroot", grade: "none", mode: "RUN_MODE_UNAVAILABLE" },
  { asked: "auto", working: "", grade: "whole", mode: "RUN_MODE_UNAVAILABLE" },
  { asked: "auto", working: "overlay noexec-chroot", grade: "whole", mode: "overlay" },
  {
    asked: "auto",
    working: "overlay noexec-chroot",
    grade: "partial",
    mode: "RUN_MODE_UNAVAILABLE",
  },
  { asked: "auto", working: "overlay noexec-loader", grade: "partial", mode: "overlay" },
  {
    asked: "auto",
    working: "overlay noexec-loader",
    grade: "none",
    mode: "RUN_MODE_UNAVAILABLE",
  },
  { asked: "overlay", working: "overlay chroot", grade: "none", mode: "overlay" },
  { asked: "overlay", working: "chroot", grade: "whole", mode: "RUN_MODE_UNAVAILABLE" },
  { asked: "chroot", working: "overlay chroot", grade: "whole", mode: "chroot" },
  { asked: "userns", working: "overlay chroot", grade: "whole", mode: "RUN_MODE_UNAVAILABLE" },
];

const NOEXEC = { works: false, why: "it is mounted noexec" } as const;

function probeOf(working: string): Probe {
  const ability = (mode: string) =>
    working.split(" ").includes(mode)
      ? ({ works: true, detail: `${mode} works` } as const)
      : working.includes(`noexec-${mode}`)
        ? NOEXEC
        : ({ works: false, why: `no ${mode} here` } as const);
  return {
    root: working.includes("chroot"),
    ownsRoot: working.includes("overlay"),
    modes: {
      overlay: ability("overlay"),
      chroot: ability("chroot"),
      userns: ability("userns"),
      proot: ability("proot"),
      loader: ability("loader"),
      baked: ability("baked"),
    },
    start: working.includes("noexec") ? NOEXEC : { works: true, detail: "start works" },
    mounts: ability("mounts"),
    tools: { unshare: ability("unshare"), bwrap: ability("bwrap") },
    tracer: {
      program: "/usr/bin/proot",
      environment: {},
      filtered: working.includes("filtered"),
      old: false,
    },
  };
}

describe("chooseRunMode", () => {
  for (const [index, { asked, working, grade, mode }] of CASES.entries()) {
    test(`case ${index}: ${asked} with [${working}] and ${grade} evidence gives ${mode}`, () => {
      const choose = () =>
        chooseRunMode(asked, probeOf(working), () => ({ grade, why: "as the case says" }));
      if (mode === "RUN_MODE_UNAVAILABLE")
        expect(choose).toThrow(expect.objectContaining({ code: mode }));
      else expect<string>(choose().mode).toBe(mode);
    });
  }

  test("the choice says why the better mode was not taken", () => {
    const evidence = () => ({ grade: "none", why: "node is not there" }) as const;
    expect(chooseRunMode("auto", probeOf("overlay chroot mounts"), evidence).reason).toBe(
      "chroot works; not overlay, because node is not there",
    );
  });

  test("where nothing works the error names every mode's reason and the next step", () => {
    const evidence = () => ({ grade: "none", why: "node is not there" }) as const;
    expect(() => chooseRunMode("auto", probeOf("overlay"), evidence)).toThrow(
      expect.objectContaining({
        message:
          "no run mode works here: overlay: node is not there; chroot: no chroot here; userns: no userns here; proot: no proot here; loader: no loader here",
        hint: expect.stringContaining("user namespaces"),
      }),
    );
  });

  test("a root without /proc says why no other with one was taken", () => {
    const evidence = () => ({ grade: "none", why: "node is not there" }) as const;
    expect(chooseRunMode("auto", probeOf("chroot"), evidence).reason).toBe(
      "chroot works; not proot, which has /proc: no proot here",
    );
    expect(chooseRunMode("auto", probeOf("chroot mounts"), evidence).reason).toBe("chroot works");
  });

  test.each([
    ["overlay", "partial"],
    ["loader", "none"],
  ] as const)(
    "%s with %s evidence is told to be a fallback, and a better mode is not",
    (mode, grade) => {
      const evidence = () => ({ grade, why: "as the case says" }) as const;
      const chosen = chooseRunMode("auto", probeOf("overlay loader"), evidence);
      expect(chosen).toMatchObject({ mode, fallback: true });
      expect(chosen.reason).toContain("chroot: no chroot here; userns: no userns here; proot: no");
      const better = chooseRunMode("auto", probeOf("overlay loader userns"), evidence);
      expect(better).not.toHaveProperty("fallback");
    },
  );

  test.each(["auto", "chroot"] as const)(
    "where only noexec is in the way of %s, the hint says so",
    (asked) => {
      const choose = () =>
        chooseRunMode(asked, probeOf("noexec-chroot"), () => ({ grade: "none", why: "" }));
      expect(choose).toThrow(
        expect.objectContaining({
          message: expect.stringContaining("it is mounted noexec"),
          hint: expect.stringContaining("Docker's --tmpfs needs `:exec`"),
        }),
      );
    },
  );

  test("evidence is not gathered where overlay is not possible", () => {
    const evidence = () => {
      throw new Error("asked");
    };
    expect(chooseRunMode("auto", probeOf("chroot"), evidence).mode).toBe("chroot");
  });
});
