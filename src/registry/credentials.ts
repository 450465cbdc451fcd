// Who pulls. Whoever holds this record holds the password, so it is passed to few and printed by none.

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** The Authorization header of Basic access. https://www.rfc-editor.org/rfc/rfc7617#section-2.1 */
export function basicAuthorization(credentials: Credentials): string {
  return `Basic ${encodedCredentials(credentials)}`;
}

/** What that header says, which is as good as the password. */
export function encodedCredentials({ username, password }: Credentials): string {
  return Buffer.from(`${username}:${password}`).toString("base64");
}
