import { expect, test } from "bun:test";
import { HIDDEN, hideSecret } from "../../src/launch/secret-names.ts";

test.each([
  ["API_KEY", "abc"],
  ["OPENAI_API_KEY", "abc"],
  ["GITHUB_TOKEN", "abc"],
  ["DB_PASSWORD", "abc"],
  ["client_secret", "abc"],
  ["DATABASE_URL", "postgres://user:pass@host/db"],
  ["ANYTHING", "ghp_0123456789"],
  ["CERT", "-----BEGIN PRIVATE KEY-----"],
])("%s=%s looks like a secret", (name, value) => {
  expect(hideSecret(name, value)).toBe(HIDDEN);
});

test.each([
  ["PATH", "/usr/bin"],
  ["PWD", "/app"],
  ["TOKENIZER", "cl100k"],
  ["GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D"],
  ["API_KEY", ""],
  ["BASE_URL", "https://example.org/path"],
])("%s=%s does not", (name, value) => {
  expect(hideSecret(name, value)).toBe(value);
});
