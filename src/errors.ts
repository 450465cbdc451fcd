// Everything that can go wrong, as data: a closed table of codes, each with its stage, exit status and hint.
// Knows no other module, so that every module may throw.

/** The six stages in their order; `runner` marks a fault of the runner itself. */
export type Stage =
  | "validate"
  | "authenticate"
  | "fetch-config"
  | "extract"
  | "drop-privileges"
  | "execute"
  | "runner";

export interface ErrorEntry {
  readonly stage: Stage;
  /** 2 bad input, 125 the runner failed before the server ran, 126 found but not runnable, 127 not found. */
  readonly status: 2 | 125 | 126 | 127;
  /** The next step, as one sentence for someone who reads nothing else. */
  readonly hint: string;
}

export const ERRORS = {
  INPUT_INVALID: {
    stage: "validate",
    status: 2,
    hint: "Correct the setting named above; `fastmcp-runner --help` lists them all.",
  },
  REFERENCE_INVALID: {
    stage: "validate",
    status: 2,
    hint: "Write the image as [registry/]repository[:tag][@digest], for example ghcr.io/org/server:1.2; or one on this machine as oci:DIR, oci-archive:FILE or docker-archive:FILE.",
  },
  DESTINATION_UNUSABLE: {
    stage: "validate",
    status: 2,
    hint: "Name a directory that is empty or does not exist yet, in a place you may write to.",
  },
  PORT_UNAVAILABLE: {
    stage: "validate",
    status: 125,
    hint: "Set PORT to one that nobody else listens on and that this user may open (1024 or higher).",
  },
  CREDENTIALS_UNREADABLE: {
    stage: "authenticate",
    status: 2,
    hint: "Point REGISTRY_PASSWORD_FILE at a readable file that holds only the password.",
  },
  CRANE_MISSING: {
    stage: "authenticate",
    status: 125,
    hint: "Install crane, or set REGISTRY_CLIENT=builtin to use the built-in client.",
  },
  CRANE_FAILED: {
    stage: "authenticate",
    status: 125,
    hint: "Set REGISTRY_CLIENT=builtin to pull without crane, or LOG_LEVEL=debug to see more.",
  },
  REGISTRY_DENIED: {
    stage: "authenticate",
    status: 125,
    hint: "Check REGISTRY_USER and REGISTRY_PASSWORD, and that this account may pull the image.",
  },
  REGISTRY_UNREACHABLE: {
    stage: "fetch-config",
    status: 125,
    hint: "Check the registry's name in IMAGE, the network, and HTTPS_PROXY if there is a proxy.",
  },
  REGISTRY_LIMITED: {
    stage: "fetch-config",
    status: 125,
    hint: "Wait, or sign in with REGISTRY_USER and REGISTRY_PASSWORD for a higher limit.",
  },
  REGISTRY_RESPONSE_INVALID: {
    stage: "fetch-config",
    status: 125,
    hint: "Check that IMAGE names a container registry, not a web site, and that no proxy or login page is in between.",
  },
  REGISTRY_REDIRECT_REFUSED: {
    stage: "fetch-config",
    status: 125,
    hint: "The registry sends its clients to a place that is not safe to follow; tell its operator.",
  },
  IMAGE_NOT_FOUND: {
    stage: "fetch-config",
    status: 125,
    hint: "Check the spelling and the tag; a private image also needs REGISTRY_USER and REGISTRY_PASSWORD.",
  },
  IMAGE_UNSUPPORTED: {
    stage: "fetch-config",
    status: 125,
    hint: "Name a container image in OCI or Docker schema 2 format; rebuild or push it again if it is older.",
  },
  IMAGE_INVALID: {
    stage: "fetch-config",
    status: 125,
    hint: "The image is damaged or was not built by the rules; build and push it again.",
  },
  PLATFORM_MISSING: {
    stage: "fetch-config",
    status: 125,
    hint: "Set PLATFORM to one that the image offers, or use an image built for this machine.",
  },
  DIGEST_MISMATCH: {
    stage: "fetch-config",
    status: 125,
    hint: "The bytes are not what the image promises: try again, and distrust the registry or proxy if it stays.",
  },
  LAYER_CORRUPT: {
    stage: "extract",
    status: 125,
    hint: "The image is damaged or was not built by the rules; build and push it again.",
  },
  LAYER_UNSUPPORTED: {
    stage: "extract",
    status: 125,
    hint: "Rebuild the image with a current builder; layers must be tar, gzip or zstd.",
  },
  LAYER_UNSAFE: {
    stage: "extract",
    status: 125,
    hint: "The image tries to reach outside its own filesystem. Do not run it; tell its publisher.",
  },
  LIMIT_EXCEEDED: {
    stage: "extract",
    status: 125,
    hint: "Raise the named limit if you trust the image.",
  },
  DISK_FULL: {
    stage: "extract",
    status: 125,
    hint: "Free some space, or name a directory on a larger disk: WORK_DIR, with a cache CACHE_DIR, with `pull` --to.",
  },
  DISK_UNWRITABLE: {
    stage: "extract",
    status: 125,
    hint: "Set WORK_DIR to a directory that this user may write to.",
  },
  RUN_MODE_UNAVAILABLE: {
    stage: "drop-privileges",
    status: 125,
    hint: "Run `fastmcp-runner doctor` to see which run modes work here and why the others do not.",
  },
  COMMAND_MISSING: {
    stage: "execute",
    status: 125,
    hint: "Name the command after `--`, for example: fastmcp-runner run IMAGE -- node server.js",
  },
  COMMAND_NOT_FOUND: {
    stage: "execute",
    status: 127,
    hint: "Check the image's Entrypoint and Cmd with `fastmcp-runner inspect IMAGE`, or name a command after `--`.",
  },
  COMMAND_NOT_RUNNABLE: {
    stage: "execute",
    status: 126,
    hint: "Check the image's Entrypoint and Cmd with `fastmcp-runner inspect IMAGE`.",
  },
  WORKDIR_UNUSABLE: {
    stage: "execute",
    status: 125,
    hint: "The image's WorkingDir must be a directory inside the image; correct the image.",
  },
  SERVER_UNREACHABLE: {
    stage: "execute",
    status: 125,
    hint: "The log has what the server wrote; set SERVER_TRANSPORT to what it speaks, TARGET_PORT to the port that it listens on, or START_TIMEOUT to more seconds than it needs.",
  },
  SYSTEM_CALL_FAILED: {
    stage: "execute",
    status: 125,
    hint: "Run `fastmcp-runner doctor` to see what this machine allows.",
  },
  INTERNAL: {
    stage: "runner",
    status: 125,
    hint: "This is a fault of the runner: report it at https://github.com/drengskapur/fastmcp-runner/issues",
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

export interface RunnerErrorOptions {
  readonly cause?: unknown;
  /** A hint for this one case, where the table's cannot name the next step. */
  readonly hint?: string;
  /** Where it happened, when the code can arise in more than one stage. */
  readonly stage?: Stage;
  /** What the message sums up, a line each. */
  readonly details?: readonly string[];
}

/** The one error that the runner throws on purpose. `message` is one sentence without secrets. */
export class RunnerError extends Error {
  override readonly name = "RunnerError";
  readonly code: ErrorCode;
  readonly stage: Stage;
  readonly status: number;
  readonly hint: string;
  readonly details: readonly string[];

  constructor(code: ErrorCode, message: string, options: RunnerErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.stage = options.stage ?? ERRORS[code].stage;
    this.status = ERRORS[code].status;
    this.hint = options.hint ?? ERRORS[code].hint;
    this.details = options.details ?? [];
  }
}

// C0 and C1 controls, line separators and the bidirectional overrides: what an image's name for a file could use to
// repaint a terminal or to make a message read as something else.
// oxlint-disable-next-line no-control-regex -- naming the control characters is the point
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Makes text from an image or a registry safe to print on one line: control characters become visible escapes. */
export function printable(unsafeText: string): string {
  return unsafeText.replace(UNPRINTABLE, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** What a thrown value says, for the end of a sentence. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
