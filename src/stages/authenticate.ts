// Stage 2: a registry that is signed in. A password from a file is read here; one from the environment has left it
// before stage 1.

import { readFile } from "node:fs/promises";
import { RunnerError, reasonOf } from "../errors.ts";
import { keepOutOfLog, log } from "../log.ts";
import { createBuiltin } from "../registry/builtin.ts";
import { createCrane } from "../registry/crane.ts";
import { type PasswordCredentials, encodedCredentials } from "../registry/credentials.ts";
import { craneMayDowngrade } from "../registry/host.ts";
import type { Registry } from "../registry/registry.ts";
import { nameOf } from "../read-settings.ts";
import { hideFromOtherProcesses } from "../system/environ.ts";
import { memoryDirectory } from "../system/private-directory.ts";
import { findProgram } from "../system/programs.ts";
import { runDirectory, sweepRunDirectories } from "../system/run-directory.ts";
import type { ImageRequest } from "./validate.ts";

/** Access to the registry; disposing it forgets the credentials. */
export interface Session extends Disposable {
  readonly registry: Registry;
}

/** Throws CREDENTIALS_UNREADABLE, CRANE_MISSING and CRANE_FAILED; a wrong password shows at the first request. */
export async function authenticate(request: ImageRequest): Promise<Session> {
  const credentials = await readCredentials(request);
  const crane = chooseCrane(request);
  log.debug(`registry client: ${crane ?? "built in"}`);
  return crane === undefined
    ? builtinSession(request, credentials)
    : await craneSession(request, crane, credentials);
}

function builtinSession(
  request: ImageRequest,
  credentials: PasswordCredentials | undefined,
): Session {
  const registry = createBuiltin({
    stallMs: request.registryTimeout * 1000,
    maxManifestBytes: request.maxManifestBytes,
    ...(credentials && { credentials }),
  });
  return { registry, [Symbol.dispose]: () => registry.close() };
}

async function craneSession(
  request: ImageRequest,
  program: string,
  credentials: PasswordCredentials | undefined,
): Promise<Session> {
  // crane keeps the password in its configuration: in memory where there is a tmpfs, for this user alone, and gone
  // with the session or on any other way out.
  const memory = memoryDirectory(request.host);
  const prefix = "fastmcp-runner-auth-";
  // Only SIGKILL leaves one behind.
  await sweepRunDirectories(memory, { exclusive: false, prefix });
  const directory = runDirectory(memory, prefix);
  const registry = await createCrane({
    program,
    env: request.host,
    registry: request.image.registry,
    stallMs: request.registryTimeout * 1000,
    maxManifestBytes: request.maxManifestBytes,
    directory: directory.path,
    ...(credentials && { credentials }),
  });
  const close = () => {
    registry.close();
    directory[Symbol.dispose]();
  };
  return { registry, [Symbol.dispose]: close };
}

function chooseCrane({ registryClient, host, image }: ImageRequest): string | undefined {
  if (registryClient === "builtin") return undefined;
  const program = findProgram("crane", host["PATH"]);
  if (registryClient === "crane") {
    if (program !== undefined) return program;
    throw new RunnerError(
      "CRANE_MISSING",
      `${nameOf("registryClient")} is crane, but there is no crane on PATH`,
    );
  }
  return craneMayDowngrade(image.registry) ? undefined : program;
}

async function readCredentials(request: ImageRequest): Promise<PasswordCredentials | undefined> {
  const { registryUser: username, registryPassword, registryPasswordFile } = request;
  if (username === undefined) return undefined;
  const password = registryPassword ?? (await readPassword(registryPasswordFile ?? ""));
  keepOutOfLog(password);
  keepOutOfLog(encodedCredentials({ username, password }));
  return { username, password };
}

async function readPassword(path: string): Promise<string> {
  hideFromOtherProcesses();
  let password: string;
  try {
    // A pipe may keep its reader waiting, and a signal must be heard meanwhile.
    password = (await readFile(path, "utf8")).replace(/\r?\n$/, "");
  } catch (error) {
    throw new RunnerError(
      "CREDENTIALS_UNREADABLE",
      `${nameOf("registryPasswordFile")} cannot be read: ${reasonOf(error)}`,
      { cause: error },
    );
  }
  if (password !== "") return password;
  throw new RunnerError(
    "CREDENTIALS_UNREADABLE",
    `${nameOf("registryPasswordFile")} ${path} is empty`,
  );
}
