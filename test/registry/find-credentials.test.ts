// Where credentials are found: the tables of go-containerregistry's keychain and of Kubernetes' pull secrets, on real
// files. Where this runner decides otherwise, the title says what it does.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { account, encode, found, searchIn, write } from "../support/credential-home.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";

const IMAGE = "test.io/org/app:1";
const USER_PASS = { username: "user", password: "pass" };

let home: TempDir;
beforeEach(() => void (home = tempDir()));
afterEach(() => home[Symbol.dispose]());

/** What one file, docker's, has for an image. */
async function inFile(content: string | object, image = IMAGE) {
  write(home.file(".docker/config.json"), content);
  return (await searchIn(home, image))?.credentials;
}

describe("an entry", () => {
  const utf8 = encode("user:pässword");
  test.each<[string, object | null, object | undefined]>([
    ["is base64", { auth: "dXNlcjpwYXNz" }, USER_PASS],
    ["is padded base64", { auth: "dXNlcjpwYXNzd29yZA==" }, { ...USER_PASS, password: "password" }],
    ["lacks its padding", { auth: "dXNlcjpwYXNzd29yZA" }, { ...USER_PASS, password: "password" }],
    ["ends in a line break", { auth: "dXNlcjpwYXNz\n" }, USER_PASS],
    [
      "has a colon in the password",
      { auth: encode("user:a:b:") },
      { username: "user", password: "a:b:" },
    ],
    ["is not ASCII", { auth: utf8 }, { username: "user", password: "pässword" }],
    ["ends in zeros", { auth: encode("user:pass\0\0") }, USER_PASS],
    ["has an empty password", { auth: encode("token:") }, { username: "token", password: "" }],
    ["is in plain text", { username: "user", password: "pass" }, USER_PASS],
    [
      "is both, and auth counts",
      { auth: "dXNlcjpwYXNz", username: "foo", password: "bar" },
      USER_PASS,
    ],
    ["is an identity token", { identitytoken: "id" }, { identityToken: "id" }],
    [
      "is an identity token with a name",
      { auth: encode("00000000-0000:"), identitytoken: "id" },
      { identityToken: "id", username: "00000000-0000" },
    ],
    ["is a registry token", { registrytoken: "reg" }, { registryToken: "reg" }],
    [
      "is everything, and the registry token counts",
      { username: "user", password: "pass", identitytoken: "id", registrytoken: "reg" },
      { registryToken: "reg" },
    ],
    ["is empty", {}, undefined],
    ["is null", null, undefined],
    ["has an e-mail address only", { email: "user@test.io" }, undefined],
    ["has nulls", { auth: null, identitytoken: null, ...USER_PASS }, USER_PASS],
  ])("that %s", async (_, entry, expected) => {
    expect(await inFile({ auths: { "test.io": entry } })).toEqual(expected as never);
  });

  test.each<[string, unknown, string]>([
    ["is a boolean", { username: true, password: "canary" }, "is not written as docker writes it"],
    ["is a text", "canary", "is not written as docker writes it"],
    ["has too much padding", { auth: "dXNlcjpwYXNz====" }, "that is not base64 of user:password"],
    ["is not base64", { auth: "bad-auth-bad" }, 'an "auth" that is not base64 of user:password'],
    ["has no colon", { auth: "Zm9vYmFy" }, 'an "auth" that is not base64 of user:password'],
    ["has no user", { auth: encode(":canary") }, 'an "auth" that is not base64 of user:password'],
    ["is in Latin-1", { auth: "dXNlcjpw5HNz" }, 'an "auth" that is not base64 of user:password'],
    ["has a password only", { password: "canary" }, "has a password but no user name"],
    ["would begin a header", { registrytoken: "canary\r\nX: y" }, "that no header can hold"],
  ])("that %s is refused without being quoted", async (_, entry, message) => {
    const refused = inFile({ auths: { "test.io": entry } });
    const where = `the credentials file ${home.file(".docker/config.json")} has an entry for test.io that`;
    await expectRefused(refused, "CREDENTIALS_UNREADABLE", where);
    await expectRefused(refused, "CREDENTIALS_UNREADABLE", message);
  });

  test("for another registry may be anything", async () => {
    expect(await inFile({ auths: { "other.io": "canary", "test.io": account("a") } })).toEqual(
      found("a"),
    );
  });
});

describe("a key", () => {
  const nested = {
    "test.io": "root",
    "test.io/org": "org",
    "test.io/org/app": "leaf",
    "test.io/or": "part",
  };
  test.each<[string, Readonly<Record<string, string>>, string, string | undefined]>([
    ["the registry", { "test.io": "a" }, IMAGE, "a"],
    ["the longest path", nested, IMAGE, "leaf"],
    ["a path above the image", nested, "test.io/org/app/part:1", "leaf"],
    ["the next longest path", nested, "test.io/org/other:1", "org"],
    ["the host where no path fits", nested, "test.io/other:1", "root"],
    ["no path that ends inside a word", { "test.io/or": "part" }, IMAGE, undefined],
    ["no other repository", { "test.io/org/other": "a" }, IMAGE, undefined],
    ["the host and port", { "test.io:5000": "a" }, "test.io:5000/app:1", "a"],
    ["no other port", { "test.io:5000": "a" }, "test.io:1000/app:1", undefined],
    ["no port where it has none", { "test.io": "a" }, "test.io:1000/app:1", undefined],
    ["an IPv6 address", { "[::1]:5000": "a" }, "[::1]:5000/app:1", "a"],
    ["no other subdomain", { "1.test.io": "a" }, "2.test.io/app:1", undefined],
    ["no subdomain of the host", { "test.io": "a" }, "1.test.io/app:1", undefined],
    ["nothing by a glob, as in docker", { "*.io": "a", "*": "b" }, IMAGE, undefined],
    ["the host in upper case", { "Test.IO": "a" }, IMAGE, "a"],
    ["an address with v1", { "http://test.io/v1/": "a" }, IMAGE, "a"],
    ["an address with v2", { "https://test.io/v2/": "a" }, IMAGE, "a"],
    ["an address without a path", { "https://test.io": "a" }, IMAGE, "a"],
    ["an address with a port", { "https://test.io:5000/v1/": "a" }, "test.io:5000/app:1", "a"],
    ["v1 without a scheme", { "test.io/v1/": "a" }, IMAGE, "a"],
    ["a slash at the end", { "test.io/": "a" }, IMAGE, "a"],
    ["a host before an address", { "https://test.io/v1/": "old", "test.io": "new" }, IMAGE, "new"],
    ["no host that only begins alike", { "https://test.io.evil.com/": "a" }, IMAGE, undefined],
    ["no user of another host", { "https://test.io@evil.com/": "a" }, IMAGE, undefined],
    ["Docker Hub by docker's address", { "https://index.docker.io/v1/": "a" }, "alpine", "a"],
    ["Docker Hub by podman's name", { "docker.io": "a" }, "org/app", "a"],
    ["Docker Hub by its third name", { "registry-1.docker.io": "a" }, "docker.io/org/app", "a"],
    ["a repository of Docker Hub", { "docker.io/library": "a", "docker.io": "b" }, "alpine", "a"],
    ["no path of Docker Hub's for others", { "docker.io/org": "a" }, "alpine", undefined],
  ])("fits %s", async (_, names, image, expected) => {
    const entries = Object.entries(names).map(([key, name]) => [key, account(name)]);
    const credentials = await inFile({ auths: Object.fromEntries(entries) }, image);
    expect(credentials).toEqual(expected === undefined ? undefined : (found(expected) as never));
  });

  test("with an empty entry is passed over for a shorter one", async () => {
    const auths = { "test.io/org": {}, "test.io": account("a") };
    expect(await inFile({ auths })).toEqual(found("a"));
  });
});
