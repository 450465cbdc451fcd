// How the settings table is read: precedence, what makes a value unset, and every message about a value.

import * as v from "valibot";
import { type ErrorCode, printable, RunnerError } from "./errors.ts";
import { SETTINGS, type SettingName, type SettingRow, type Settings } from "./settings.ts";

/** What the runner hands to the server with this prefix taken off. */
const SERVER_ENV_PREFIX = "MCP_ENV_";

/** Where values come from: flags by their names, and an environment. */
export interface SettingSources {
  readonly image: string | undefined;
  readonly flags: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Something about the inputs that is not acceptable, as one sentence. */
export interface Problem {
  readonly setting: SettingName;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface ReadSettings<Names extends SettingName> {
  readonly settings: Pick<Settings, Names>;
  readonly problems: readonly Problem[];
}

/** Reads the named rows: a flag beats the environment, which beats the fallback; an empty variable is an unset one. */
export function readSettings<Names extends SettingName>(
  names: readonly Names[],
  sources: SettingSources,
): ReadSettings<Names> {
  const problems: Problem[] = [];
  const values = names.map((name) => {
    const row: SettingRow = SETTINGS[name];
    const raw = rawValue(name, row, sources) ?? row.fallback;
    if (raw === undefined) return [name, undefined];
    const result = v.safeParse(row.schema, raw, { abortPipeEarly: true });
    if (result.success) return [name, result.output];
    const message = describeProblem(name, row, raw, result.issues[0].message);
    problems.push({ setting: name, code: row.code ?? "INPUT_INVALID", message });
    return [name, undefined];
  });
  // Each value is the output of its row's schema, or there is a problem and the caller stops.
  return { settings: Object.fromEntries(values) as Pick<Settings, Names>, problems };
}

/** Throws when there are problems: one by its own code, several at once as INPUT_INVALID. */
export function refuseProblems(problems: readonly Problem[]): void {
  const [first, ...more] = problems;
  if (first === undefined) return;
  if (more.length === 0) throw new RunnerError(first.code, first.message);
  throw new RunnerError("INPUT_INVALID", `${problems.length} settings are wrong`, {
    details: problems.map((problem) => problem.message),
  });
}

/** How messages call a setting: `--flag / ENV`. */
export function nameOf(name: SettingName): string {
  const row: SettingRow = SETTINGS[name];
  return [row.flag === undefined ? undefined : `--${row.flag}`, row.env]
    .filter((part) => part !== undefined)
    .join(" / ");
}

// Where programs and directories are found, how the network is reached, and whom to trust: nothing else of the
// runner's environment reaches a program that it starts.
const HOST_VARIABLES: ReadonlySet<string> = new Set([
  "PATH",
  "HOME",
  "TMPDIR",
  "DOCKER_CONFIG",
  "REGISTRY_AUTH_FILE",
  "XDG_CACHE_HOME",
  "XDG_CONFIG_HOME",
  "XDG_RUNTIME_DIR",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_EXTRA_CA_CERTS",
  // A Hugging Face Space, whose network is one of its own kind.
  "SPACE_ID",
  ...["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"].flatMap((name) => [
    name,
    name.toLowerCase(),
  ]),
]);

// What credential helpers look for: a keyring's place and the way to it, or an identity in a cloud. None of it is the
// runner's own configuration.
const HELPER_VARIABLE =
  /^(?:XDG_\w+|USER|LOGNAME|LANG|LC_\w+|DISPLAY|WAYLAND_DISPLAY|DBUS_SESSION_BUS_ADDRESS|GNUPGHOME|PASSWORD_STORE_\w+|(?:AWS|AZURE|CLOUDSDK)_\w+|GOOGLE_APPLICATION_CREDENTIALS)$/;

/** The variables of the machine that the runner's own work depends on. */
export type HostEnvironment = Readonly<Record<string, string>>;

export function hostEnvironmentOf(environment: SettingSources["environment"]): HostEnvironment {
  const entries = Object.entries(environment).flatMap(([name, value]) =>
    value && (HOST_VARIABLES.has(name) || HELPER_VARIABLE.test(name))
      ? [[name, value] as const]
      : [],
  );
  return Object.fromEntries(entries);
}

/** The variables for the server, prefix removed. */
export function serverEnvironmentOf(
  environment: SettingSources["environment"],
): Readonly<Record<string, string>> {
  const entries = Object.entries(environment).flatMap(([name, value]) =>
    name.startsWith(SERVER_ENV_PREFIX) &&
    name.length > SERVER_ENV_PREFIX.length &&
    value !== undefined
      ? [[name.slice(SERVER_ENV_PREFIX.length), value] as const]
      : [],
  );
  return Object.fromEntries(entries);
}

function rawValue(name: SettingName, row: SettingRow, sources: SettingSources): string | undefined {
  const given = name === "image" ? sources.image : row.flag && sources.flags[row.flag];
  if (given !== undefined) return given;
  return (row.env && sources.environment[row.env]) || undefined;
}

function describeProblem(name: SettingName, row: SettingRow, raw: string, problem: string): string {
  // A parser's message is a sentence of its own; a rule's message needs the value beside it.
  if (!problem.startsWith("must ")) return `${nameOf(name)}: ${problem}`;
  const given = row.secret || raw === "" ? "" : `, not "${printable(raw.slice(0, 100))}"`;
  return `${nameOf(name)} ${problem}${given}`;
}
