import { expect, test } from "bun:test";
import { parseReference } from "../../src/oci/reference.ts";
import type { Credentials } from "../../src/registry/credentials.ts";
import { messageRefusal } from "../../src/registry/message-refusal.ts";
import { askedWith, refusalError } from "../../src/registry/refusal.ts";

const IDENTITY = { identityToken: "canary-identity" };

test("a registry that repeats what it was sent does not have it printed", () => {
  const { message } = refusal(403, "no: Authorization: Bearer canary-0123456789");
  expect(message).toEndWith("(it says: no: Authorization: Bearer …)");
});

const SOURCE = "/home/me/.docker/config.json";

test.each<[string, Credentials, string]>([
  ["a password", { username: "a", password: "b" }, "the given username and password"],
  [
    "a file's password",
    { username: "a", password: "b", source: SOURCE },
    `the username and password of ${SOURCE}`,
  ],
  ["an identity token", IDENTITY, "the identity token that was found"],
  ["a helper's token", { ...IDENTITY, source: "helper" }, "the identity token of helper"],
  ["a token", { registryToken: "canary" }, "the token that was found"],
])("a refusal of %s says so, and what to do", (_, credentials, words) => {
  const { message, hint } = refusal(401, "", { credentials });
  expect(message).toBe(`ghcr.io does not accept ${words} for org/app`);
  expect(hint).toContain("REGISTRY_PASSWORD");
  expect(hint.includes("Sign in")).toBe(!words.includes("given"));
});

test("an account that may not pull an image is told where it comes from", () => {
  const credentials = { username: "a", password: "b" };
  expect(refusal(403, "", { credentials }).message).toBe(
    "ghcr.io does not let the given account pull org/app",
  );
  expect(refusal(403, "", { credentials: { ...credentials, source: SOURCE } }).message).toBe(
    `ghcr.io does not let the account of ${SOURCE} pull org/app`,
  );
});

test.each([
  [410, "IMAGE_NOT_FOUND", "ghcr.io has no image org/app:1"],
  [
    402,
    "REGISTRY_DENIED",
    "ghcr.io wants to be paid before it shows org/app (it says: not any more)",
  ],
  [
    412,
    "REGISTRY_DENIED",
    "ghcr.io lets nobody pull org/app, by a rule of its operator (it says: not any more)",
  ],
  [451, "REGISTRY_DENIED", "ghcr.io withholds org/app by law (it says: not any more)"],
])("status %i says that the image was taken away, and is no trouble that passes", (...row) => {
  const [status, code, message] = row;
  expect(refusal(status, "not any more")).toMatchObject({ code, message });
});

test("a registry that was asked without encryption may want it", () => {
  const asked = { reference: parseReference("127.0.0.1:5000/app:1"), signedIn: false };
  const hint = (status: number, isPlain: boolean) =>
    refusalError({ status, codes: [], unsafeMessage: "" }, { ...asked, isPlain }).hint;
  expect(hint(400, true)).toContain("certs.d/127.0.0.1:5000/ca.crt");
  expect(hint(400, false)).not.toContain("certs.d");
  expect(hint(500, true)).not.toContain("certs.d");
});

test("another host's words about our password are not repeated", () => {
  const { code, message } = refusal(401, "wrong password", { isForeign: true });
  expect({ code, message }).toEqual({
    code: "REGISTRY_RESPONSE_INVALID",
    message: "cdn.example, where ghcr.io keeps org/app, answers with HTTP status 401",
  });
});

function refusal(
  status: number,
  words: string,
  { credentials, isForeign = false }: { credentials?: Credentials; isForeign?: boolean } = {},
) {
  const bytes = Buffer.from(JSON.stringify({ errors: [{ code: "X", message: words }] }));
  const host = isForeign ? "cdn.example" : "ghcr.io";
  const message = { status, headers: new Headers(), host, isForeign, bytes };
  return messageRefusal(message, askedWith(parseReference("ghcr.io/org/app:1"), credentials));
}
