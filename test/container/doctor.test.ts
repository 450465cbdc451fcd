// What `doctor` says in each place, held against what `run` then does there: the same mode for the same reason, or the
// same refusal, before any server is tried.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { parseDoctorAnswer } from "../support/doctor-answer.ts";
import { buildImage } from "../support/image-builder.ts";
import { type LoopbackRegistry, startLoopbackRegistry } from "../support/loopback-registry.ts";
import { AS_ROOT, AS_USER, podman } from "../support/podman.ts";
import {
  BUILD_MS,
  RUNNER_IMAGE,
  buildRunnerImage,
  canRunContainers,
  needsContainers,
} from "../support/runner-image.ts";
import { busyboxFiles } from "../support/runtime-files.ts";

// PRoot 5.1 keeps its own files in /tmp, whatever it is told.
const READ_ONLY = [
  "--tmpfs=/tmp:mode=1777,exec",
  "--read-only",
  "--read-only-tmpfs=false",
  "--env=WORK_DIR=/work",
];
const EXECUTABLE = "--tmpfs=/work:mode=1777,exec";
const NOEXEC = "--tmpfs=/work:mode=1777,noexec";
const NO_START = "no program can be started from /work: it is mounted noexec";

const NEEDS = {
  whole: "needs all of its root",
  app: "needs nothing but the safe paths",
} as const;

let registry: LoopbackRegistry;

beforeAll(async () => {
  registry = startLoopbackRegistry({
    images: {
      "team/whole:1": serverBelow(""),
      "team/app:1": serverBelow("app/"),
    },
  });
  if (canRunContainers()) await buildRunnerImage();
}, BUILD_MS);
afterAll(() => registry[Symbol.dispose]());

interface Place {
  readonly rules: readonly string[];
  /** The mode of an image that needs all of its root, and of one that starts from the safe paths. */
  readonly whole: string;
  readonly app: string;
}

const PLACES: Readonly<Record<string, Place>> = {
  "root under Docker's rules": { rules: AS_ROOT, whole: "chroot", app: "overlay" },
  "1000:1000 without capabilities": { rules: AS_USER, whole: "proot", app: "overlay" },
  "root with a read-only root": {
    rules: [...AS_ROOT, ...READ_ONLY, EXECUTABLE],
    whole: "chroot",
    app: "chroot",
  },
  "1000:1000 with a read-only root": {
    rules: [...AS_USER, ...READ_ONLY, EXECUTABLE],
    whole: "proot",
    app: "proot",
  },
  "root whose WORK_DIR is noexec": {
    rules: [...AS_ROOT, NOEXEC, "--env=WORK_DIR=/work"],
    whole: NO_START,
    app: "overlay",
  },
  "1000:1000 whose WORK_DIR is noexec": {
    rules: [...AS_USER, NOEXEC, "--env=WORK_DIR=/work"],
    whole: NO_START,
    app: "overlay",
  },
  "root with a read-only root and a noexec WORK_DIR": {
    rules: [...AS_ROOT, ...READ_ONLY, NOEXEC],
    whole: NO_START,
    app: NO_START,
  },
  "1000:1000 with a read-only root and a noexec WORK_DIR": {
    rules: [...AS_USER, ...READ_ONLY, NOEXEC],
    whole: NO_START,
    app: NO_START,
  },
};

for (const [place, { rules, ...expected }] of Object.entries(PLACES)) {
  describe(`as ${place}`, () => {
    needsContainers()("doctor names the mode that an image then gets, and why", async () => {
      const { stdout, stderr } = await podman("run", ...rules, RUNNER_IMAGE, "doctor", "--json");
      expect(stderr).toBe("");
      const { runMode, probe } = parseDoctorAnswer(stdout);
      const run = await start(rules, "whole");
      if (expected.whole === NO_START) {
        expect(runMode).toMatchObject({ problem: expect.stringContaining(NO_START) });
        expect(probe.start).toEqual({ works: false, why: NO_START });
        return;
      }
      expect(runMode).toMatchObject({ asked: "auto", mode: expected.whole });
      const reason = "reason" in runMode ? runMode.reason.split("; not overlay")[0] : undefined;
      expect(run.stderr).toContain(`run mode ${expected.whole}: ${reason}`);
    });

    needsContainers()("every mode says what it offers or why it does not work", async () => {
      const { stdout } = await podman("run", ...rules, RUNNER_IMAGE, "doctor");
      const modes = ["overlay", "chroot", "userns", "proot", "loader", "baked"];
      for (const mode of modes) {
        expect(stdout).toMatch(new RegExp(`^  ${mode} +(?:works: |no: )\\S`, "m"));
      }
      const said = expected.whole === NO_START ? "none: " : `${expected.whole}, chosen by auto: `;
      expect(stdout).toContain(`\nrun mode         ${said}`);
    });

    for (const name of ["whole", "app"] as const) {
      needsContainers()(`an image that ${NEEDS[name]} starts, or says what to do`, async () => {
        const run = await start(rules, name);
        if (expected[name] === NO_START) {
          expect(run.exitCode).toBe(125);
          expect(run.stdout).toBe("");
          expect(run.stderr).toContain(NO_START);
          expect(run.stderr).toContain("[RUN_MODE_UNAVAILABLE]\n  hint: Set WORK_DIR to");
          expect(run.stderr).not.toContain("starting the server");
        } else {
          expect(run.stdout, run.stderr).toBe("1000\n");
          expect(run.stderr).toContain(`run mode ${expected[name]}: `);
        }
      });
    }
  });
}

function start(rules: readonly string[], name: string) {
  const image = `--env=IMAGE=${registry.host}/team/${name}:1`;
  return podman("run", ...rules, "--env=MCP_TRANSPORT=stdio", image, RUNNER_IMAGE);
}

function serverBelow(prefix: string) {
  return buildImage({
    layers: [busyboxFiles().map((file) => ({ ...file, path: `${prefix}${file.path}` }))],
    config: { Entrypoint: [`/${prefix}bin/busybox`], Cmd: ["id", "-u"], WorkingDir: "/app" },
  });
}
