// Which variables look as if they held a secret, so that a description of an image can be shown around.

// Names that people give to secrets, whole words between underscores: TOKEN, but not TOKENIZER.
const NAME =
  /(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASS|PASSWORD|PASSWD|PASSPHRASE|PWD|CREDENTIALS?|AUTH|BEARER|COOKIE|DSN|PAT|CONNECTION_?STRING)(?:$|_)/i;
// Values that are secrets whatever their name: tokens with a known prefix, key material, URLs with a password.
const VALUE =
  /^(?:gh[opsur]_|github_pat_|glpat-|hf_|sk-|xox[abprs]-|AKIA|AIza|eyJ[\w-]+\.eyJ)|-----BEGIN|:\/\/[^/@\s]*:[^/@\s]+@/;

// Names that match and hold no secret.
const HARMLESS: ReadonlySet<string> = new Set(["PWD", "OLDPWD", "GPG_KEY", "SSH_AUTH_SOCK"]);

export const HIDDEN = "(hidden)";

/** The value, or a mark in its place where it looks like a secret. */
export function hideSecret(name: string, value: string): string {
  if (VALUE.test(value)) return HIDDEN;
  return NAME.test(name) && !HARMLESS.has(name) && value !== "" ? HIDDEN : value;
}
