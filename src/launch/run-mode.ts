// The ways to start a server, and the choice between them. By evidence: what was asked for, what the probe found to
// work here, and whether the image's command could start from its safe paths alone. Pure.

import { RunnerError } from "../errors.ts";
import type { Ability } from "./ability.ts";
import type { Probe } from "./probe.ts";

export const RUN_MODES = [
  "auto",
  "overlay",
  "chroot",
  "userns",
  "proot",
  "loader",
  "baked",
] as const;
export type RunModeChoice = (typeof RUN_MODES)[number];
export type RunMode = Exclude<RunModeChoice, "auto">;

export interface ChosenMode {
  readonly mode: RunMode;
  /** Why this one, as a sentence for the log and `doctor`. */
  readonly reason: string;
  /** Nothing better works here: the server is not in a root of its image's own. */
  readonly fallback?: true;
}

const ELSEWHERE =
  "Set WORK_DIR to a directory that this user may write to and start programs from; Docker's --tmpfs needs `:exec` for that.";

/** What `overlay` would be like for one image. */
export interface OverlayEvidence {
  /** `whole`: the command comes from the image and all it needs to start is there; `partial`: it starts, with parts of the runner's; `none`: it does not. */
  readonly grade: "whole" | "partial" | "none";
  readonly why: string;
}

/**
 * Picks the mode. `evidence` is asked for only where overlay is possible. Throws RUN_MODE_UNAVAILABLE with every
 * reason when nothing works.
 */
export function chooseRunMode(
  asked: RunModeChoice,
  probe: Probe,
  evidence: () => OverlayEvidence,
): ChosenMode {
  if (asked === "auto") return chooseByEvidence(probe, evidence);
  return { mode: asked, reason: `it was asked for, and ${requireRunMode(asked, probe)}` };
}

/** Returns what a mode offers here. Throws RUN_MODE_UNAVAILABLE. */
export function requireRunMode(mode: RunMode, probe: Probe): string {
  const ability = probe.modes[mode];
  if (ability.works) return ability.detail;
  throw new RunnerError(
    "RUN_MODE_UNAVAILABLE",
    `run mode ${mode} does not work here: ${ability.why}`,
    isStartProblem(ability, probe) ? { hint: ELSEWHERE } : {},
  );
}

function chooseByEvidence(probe: Probe, evidence: () => OverlayEvidence): ChosenMode {
  const { overlay, chroot, userns, proot, loader } = probe.modes;
  const found: OverlayEvidence = overlay.works ? evidence() : { grade: "none", why: overlay.why };
  if (found.grade === "whole") return { mode: "overlay", reason: found.why };
  // Where overlay is out of the question, which is every host, nobody wants to read why.
  const instead = overlay.works ? `; not overlay, because ${found.why}` : "";
  const own = choosePrivateRoot(probe);
  if (own !== undefined) return { mode: own.mode, reason: `${own.reason}${instead}` };
  // Where another directory is all that a better mode lacks, its user would rather hear that.
  const isMendable = [chroot, userns, proot].some((ability) => isStartProblem(ability, probe));
  if (found.grade === "partial" && !isMendable) {
    const reason = `nothing better works here (${failures({ chroot, userns, proot })}), although ${found.why}`;
    return { mode: "overlay", reason, fallback: true };
  }
  // Last of all, because nothing separates the server from this machine's files then.
  const whyNot = `overlay: ${found.why}; ${failures({ chroot, userns, proot })}`;
  if (loader.works) {
    return { mode: "loader", reason: `nothing better works here (${whyNot})`, fallback: true };
  }
  throw new RunnerError(
    "RUN_MODE_UNAVAILABLE",
    `no run mode works here: ${whyNot}; ${failures({ loader })}`,
    { hint: wayOut(probe) },
  );
}

// The kernel's own ways come first, because the server pays nothing for them. A tracer costs it something at each
// system call that names a file, and with kernel filters at no other, which is a small price for a root that is whole:
// where nothing can be mounted, a changed root has no /proc, and Bun, for one, does not start. Without filters every
// call costs, so there the changed root is better for what starts in it.
function choosePrivateRoot({ modes, mounts, tracer }: Probe): ChosenMode | undefined {
  const { chroot, userns, proot } = modes;
  if (chroot.works && !mounts.works && proot.works) {
    return tracer?.filtered === true
      ? { mode: "proot", reason: `${proot.detail}; not chroot, which has no /proc here` }
      : { mode: "chroot", reason: `${chroot.detail}; RUN_MODE=proot has /proc, and is slower` };
  }
  if (chroot.works) {
    const poor = mounts.works ? "" : `; not proot, which has /proc: ${whyNotOf(proot)}`;
    return { mode: "chroot", reason: `${chroot.detail}${poor}` };
  }
  if (userns.works) return { mode: "userns", reason: userns.detail };
  if (!proot.works) return undefined;
  return { mode: "proot", reason: `${proot.detail}; not ${failures({ chroot, userns })}` };
}

/** Whether a mode would work if programs could be started from where the server's root is to be. */
function isStartProblem(ability: Ability, { start }: Probe): boolean {
  return !ability.works && !start.works && ability.why === start.why;
}

function failures(modes: Readonly<Record<string, Ability>>): string {
  return Object.entries(modes)
    .map(([mode, ability]) => `${mode}: ${whyNotOf(ability)}`)
    .join("; ");
}

function whyNotOf(ability: Ability): string {
  return ability.works ? "works" : ability.why;
}

function wayOut(probe: Probe): string {
  if (!probe.start.works) return ELSEWHERE;
  return probe.root
    ? "Allow CAP_SYS_CHROOT, CAP_SETUID and CAP_SETGID (Docker's defaults do), or run as an ordinary user with user namespaces."
    : "Install proot; or run the runner as root; or allow user namespaces (with Docker: --security-opt seccomp=unconfined) and install bubblewrap or util-linux.";
}
