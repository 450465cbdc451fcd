// The choice of a mode, stage 5 and the launch itself as a program: the first argument is a JSON file with what they need.

import { readFileSync, writeSync } from "node:fs";
import { RunnerError } from "../../../src/errors.ts";
import { becomeServer } from "../../../src/launch/become-server.ts";
import { commandOf } from "../../../src/launch/command.ts";
import { gatherOverlayEvidence } from "../../../src/launch/overlay-evidence.ts";
import { planOverlay } from "../../../src/launch/overlay-plan.ts";
import { applyOverlay } from "../../../src/launch/overlay.ts";
import { serverIdentity } from "../../../src/launch/ownership.ts";
import { probeMachine } from "../../../src/launch/probe.ts";
import { resumeInsideNamespace } from "../../../src/launch/resume.ts";
import { RESUME_ARGUMENT } from "../../../src/launch/resume-plan.ts";
import { chooseRunMode, type RunModeChoice } from "../../../src/launch/run-mode.ts";
import { configureLog, configureLogLike, log, logEnvironment } from "../../../src/log.ts";
import {
  dropPrivileges,
  variablesOf,
  type LaunchableImage,
  type LaunchRequest,
} from "../../../src/stages/drop-privileges.ts";

export interface Launch {
  readonly root: string;
  readonly mode: RunModeChoice;
  readonly image: LaunchableImage;
  readonly request: LaunchRequest;
  /** Where the runner looks for bwrap, unshare, su-exec and env. */
  readonly searchPath: string;
  readonly logLevel: "error" | "debug";
  /** Set where the root is a tree that others use as well. */
  readonly scratch?: string;
}

const STDERR = 2;

// As the command line does it: what is made for the server must be readable by it.
process.umask(0o022);

// A listener, as the command line has one: without hand-over's care it would swallow a signal.
process.on("SIGTERM", () => process.exit(99));

try {
  const [argument = ""] = process.argv.slice(2);
  if (argument === RESUME_ARGUMENT) {
    configureLogLike(process.env);
    await resumeInsideNamespace(process.env, { onChoice: log.info, onLack: log.warn });
  }
  process.exit(await launch(JSON.parse(readFileSync(argument, "utf8")) as Launch));
} catch (error) {
  if (!(error instanceof RunnerError)) throw error;
  writeSync(STDERR, `${error.code}: ${error.message}\n`);
  process.exit(error.status);
}

async function launch({
  root,
  mode,
  image,
  request,
  searchPath,
  logLevel,
  scratch,
}: Launch): Promise<number> {
  configureLog({ level: logLevel, format: "text" });
  const probe = await probeMachine({ searchPath });
  const overlay = planOverlay(root);
  const argv = commandOf({ ...image, serverArguments: request.serverArguments });
  const identity = serverIdentity();
  const chosen = chooseRunMode(mode, probe, () =>
    gatherOverlayEvidence(overlay, argv, {
      searchPath: variablesOf(image, request)["PATH"] ?? "",
      workingDirectory: image.workingDir,
      identity,
    }),
  );
  const shared = scratch !== undefined;
  if (chosen.mode === "overlay") await applyOverlay(overlay, identity, { shared });
  const rootfs = { root, ...chosen, ...(shared ? { scratch } : {}) };
  const plan = dropPrivileges(rootfs, image, request, probe);
  return becomeServer(plan, {
    runner: [process.execPath, import.meta.path],
    searchPath,
    environment: logEnvironment(),
    notes: { onChoice: (note) => log.info(note), onLack: (note) => log.warn(note) },
  });
}
