// Everything that is decided about a start before it happens. A record, no code.

import type { OwnLoader } from "./elf-patch.ts";
import type { Identity } from "./ownership.ts";
import type { NamespaceToolFound } from "./probe.ts";
import type { Tracer } from "./proot-trial.ts";
import type { RunMode } from "./run-mode.ts";

export interface LaunchPlan {
  readonly mode: RunMode;
  readonly reason: string;
  /** The server's root directory, as this machine names it: the private one, or the runner's in overlay and baked. */
  readonly root: string;
  /**
   * A directory of this run's for what the server changes, where `root` is a tree that others use as well; nothing may
   * be written there then, and what it lacks for the server is created only in stage 6.
   */
  readonly scratch?: string;
  /** The file to execute, inside the root. */
  readonly program: string;
  /** `argv[0]` is the command as the image spells it. */
  readonly argv: readonly string[];
  /** The server's whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Inside the root, without links. */
  readonly workingDirectory: string;
  readonly identity: Identity;
  /** The runner is root and becomes `identity` before the server starts. */
  readonly drop: boolean;
  /** The process that the server is a child of, and ends with; absent where it takes the runner's place. */
  readonly endsWith?: number;
  /** The root is one for several processes, made ready for all of them. */
  readonly ready?: true;
  /** A su-exec, which does the drop in overlay. */
  readonly dropTool?: string;
  /** The program that makes the user namespace in userns. */
  readonly namespaceTool?: NamespaceToolFound;
  /** The program that traces the server in proot. */
  readonly tracer?: Tracer;
  /** In loader mode, where all other names are this machine's: directories that its tree must have, inside it. */
  readonly relocated?: {
    readonly workingDirectory: string;
    readonly home: string;
    /** The program's file, and what is to be written into it so that the kernel can start it. */
    readonly ownLoader?: OwnLoader & { readonly path: string };
  };
}
