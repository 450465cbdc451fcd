// Credential helpers: programs that keep what docker does not want in a file. One is asked without a shell, for one
// registry, with a limit on its time and on its words, none of which is ever repeated: any of them may be the secret.
// https://github.com/docker/docker-credential-helpers/blob/v0.9.3/README.md#development

import * as v from "valibot";
import { DOCKER_HUB } from "../oci/reference.ts";
import { runChild, type RunResult } from "../system/child.ts";
import { findProgram } from "../system/programs.ts";
import { identity, type ParsedEntry } from "./credential-entry.ts";
import { DOCKER_HUB_KEY } from "./credential-keys.ts";
import { parseJson } from "./json.ts";

export interface HelperOptions {
  /** The helper's whole environment, PATH to find it among it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Milliseconds that it may take. */
  readonly timeoutMs: number;
}

const MAX_ANSWER_BYTES = 65_536;

/** The user name with which a helper says that its secret is an identity token. */
const IDENTITY = "<token>";

const NOT_FOUND: readonly string[] = [
  "credentials not found in native keychain",
  "no credentials server URL",
  "no credentials username",
];

const answerSchema = v.object({ Username: v.string(), Secret: v.string() });

/** The program that a helper's name stands for; undefined for what is no name but a path, an option or a command. */
export function helperProgram(unsafeName: string): string | undefined {
  return /^[A-Za-z0-9._-]+$/.test(unsafeName) ? `docker-credential-${unsafeName}` : undefined;
}

/** Asks a helper for a registry's credentials; a problem ends the sentence that begins with the helper's name. */
export async function askHelper(
  program: string,
  registry: string,
  options: HelperOptions,
): Promise<ParsedEntry> {
  const path = findProgram(program, options.environment["PATH"]);
  if (path === undefined) return { problem: "is not on PATH" };
  for (const server of serversFor(registry)) {
    const answer = await ask(path, server, options);
    if (answer.problem !== undefined || answer.credentials !== undefined) return answer;
  }
  return {};
}

// docker has its helper keep Docker Hub's credentials under an address, podman under the registry's name.
function serversFor(registry: string): readonly string[] {
  return registry === DOCKER_HUB ? [DOCKER_HUB_KEY, DOCKER_HUB] : [registry];
}

async function ask(path: string, server: string, options: HelperOptions): Promise<ParsedEntry> {
  const { environment, timeoutMs } = options;
  let result: RunResult;
  try {
    result = await runChild([path, "get"], {
      env: environment,
      stdin: server,
      maxBytes: MAX_ANSWER_BYTES,
      stallMs: timeoutMs,
      timeoutMs,
    });
  } catch {
    return { problem: "cannot be started" };
  }
  return parseResult(result, options);
}

function parseResult(result: RunResult, { timeoutMs }: HelperOptions): ParsedEntry {
  if (result.stalled) return { problem: `has not answered in ${timeoutMs / 1000} seconds` };
  if (result.overflowed) return { problem: "answers with more than 64 KiB" };
  if (result.exitCode === undefined) return { problem: `was ended by ${result.signal}` };
  const unsafeText = new TextDecoder().decode(result.stdout);
  if (result.exitCode === 0) return parseAnswer(unsafeText);
  if (NOT_FOUND.includes(unsafeText.trim())) return {};
  return { problem: `ended with exit status ${result.exitCode}` };
}

function parseAnswer(unsafeText: string): ParsedEntry {
  const result = v.safeParse(answerSchema, parseJson(unsafeText));
  if (!result.success)
    return { problem: "answers with something else than a user name and a secret" };
  const { Username: username, Secret: secret } = result.output;
  if (username === "" && secret === "") return {};
  if (username === "" || secret === "") return { problem: "answers with half of what is needed" };
  if (username === IDENTITY) return identity(secret, "");
  return { credentials: { username, password: secret } };
}
