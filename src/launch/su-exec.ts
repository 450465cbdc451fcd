// The privilege drop by su-exec: root starts it, so nothing that an image chose may reach its loader, and
// `env` puts back afterwards what was withheld. Pure.

import type { LaunchPlan } from "./launch-plan.ts";
import type { Successor } from "./hand-over.ts";

// What a dynamic loader or a C library obeys before main: glibc drops the same names for a setuid program, and
// su-exec is none. https://sourceware.org/git/?p=glibc.git;a=blob;f=sysdeps/generic/unsecvars.h;hb=glibc-2.40
const LOADER_VARIABLE =
  /^(?:LD_.*|MALLOC_.*|GCONV_PATH|GETCONF_DIR|GLIBC_TUNABLES|HOSTALIASES|LOCALDOMAIN|LOCPATH|NIS_PATH|NLSPATH|RESOLV_HOST_CONF|RES_OPTIONS|TMPDIR|TZDIR|GODEBUG|GOTRACEBACK)$/;
// su-exec replaces it by what the passwd file of its own root says.
const HOME = "HOME";

/**
 * The way to the server over `su-exec UID:GID env NAME=VALUE... COMMAND`. Numbers always: with a name, or a bare UID,
 * su-exec keeps the group 0. Returns nothing when the command's name holds a `=` and `env` would take it for a variable.
 */
export function throughSuExec(
  plan: LaunchPlan,
  tools: { readonly suExec: string; readonly env: string },
): Successor | undefined {
  const [command = ""] = plan.argv;
  if (command.includes("=")) return undefined;
  const all = Object.entries(plan.environment);
  const withheld = all.filter(([name]) => isWithheld(name));
  const { uid, gid } = plan.identity;
  return {
    program: tools.suExec,
    argv: [
      tools.suExec,
      `${uid}:${gid}`,
      tools.env,
      ...withheld.map(([name, value]) => `${name}=${value}`),
      ...plan.argv,
    ],
    environment: Object.fromEntries(all.filter(([name]) => !isWithheld(name))),
    workingDirectory: plan.workingDirectory,
  };
}

function isWithheld(name: string): boolean {
  return name === HOME || LOADER_VARIABLE.test(name);
}
