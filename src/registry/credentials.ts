// Who pulls. Whoever holds this record holds the secret in it, so it is passed to few and printed by none.

interface Sourced {
  /** Where they were found, for a person; absent where the settings give them. */
  readonly source?: string;
}

export interface PasswordCredentials extends Sourced {
  readonly username: string;
  readonly password: string;
}

/** What stands in for a password where one has signed in before: good for tokens only, never sent to the registry. */
export interface IdentityToken extends Sourced {
  readonly identityToken: string;
  /** Whose it is, where that is known. */
  readonly username?: string;
}

/** A token of the registry itself, sent as it is. */
export interface RegistryToken extends Sourced {
  readonly registryToken: string;
}

export type Credentials = PasswordCredentials | IdentityToken | RegistryToken;

/** The Authorization header of Basic access. https://www.rfc-editor.org/rfc/rfc7617#section-2.1 */
export function basicAuthorization(credentials: PasswordCredentials): string {
  return `Basic ${encodedCredentials(credentials)}`;
}

/** What that header says, which is as good as the password. */
function encodedCredentials({ username, password }: PasswordCredentials): string {
  return Buffer.from(`${username}:${password}`).toString("base64");
}

/** Every text of them that is as good as they are. */
export function secretsOf(credentials: Credentials): readonly string[] {
  if ("password" in credentials) return [credentials.password, encodedCredentials(credentials)];
  return ["identityToken" in credentials ? credentials.identityToken : credentials.registryToken];
}
