// Signs in to the registries that a release is pushed to, for crane and for cosign, which reads what crane writes. The
// password is in no argument.

import { mustRun } from "./programs.ts";

export interface Account {
  readonly registry: string;
  /** The variable that holds the user's name. */
  readonly user: string;
  /** The variable that holds the password or token. */
  readonly password: string;
}

export const ACCOUNTS: readonly Account[] = [
  { registry: "ghcr.io", user: "GHCR_USER", password: "GHCR_TOKEN" },
  { registry: "docker.io", user: "DOCKERHUB_USER", password: "DOCKERHUB_TOKEN" },
];

/** Signs in to all of them. Throws before the first when a variable is missing. */
export async function signIn(
  accounts: readonly Account[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const missing = accounts
    .flatMap(({ user, password }) => [user, password])
    .filter((name) => !environment[name]);
  if (missing.length > 0) throw new Error(`needed to sign in: ${missing.join(", ")}`);
  for (const { registry, user, password } of accounts) {
    const name = environment[user] ?? "";
    const argv = ["crane", "auth", "login", registry, `--username=${name}`, "--password-stdin"];
    await mustRun(argv, { stdin: environment[password] ?? "", environment: settings(environment) });
  }
}

// Where crane writes to.
function settings(environment: Readonly<Record<string, string | undefined>>) {
  const directory = environment["DOCKER_CONFIG"];
  return directory === undefined ? {} : { DOCKER_CONFIG: directory };
}
