// Credential helpers that are real programs: those that behave, and those that do not.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { RunnerError } from "../../src/errors.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { findCredentials } from "../../src/registry/find-credentials.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";

const IMAGE = "test.io/org/app:1";
const FILED = { auths: { "test.io": { username: "filed", password: "canary" } } };
const HELPED = { username: "helped", password: "canary-secret" };
const ANSWER = `printf '{"ServerURL":"x","Username":"helped","Secret":"canary-secret"}'`;
const NOT_FOUND = "echo credentials not found in native keychain; exit 1";
const SHORT_MS = 300;

let dir: TempDir;
beforeEach(() => void (dir = tempDir()));
afterEach(() => dir[Symbol.dispose]());

/** A helper that writes down what it was given, and then does as the script says. */
function helper(name: string, script: string): void {
  const path = dir.file(`docker-credential-${name}`);
  const record = `
    { tr '\\0' ' ' < /proc/$$/cmdline; echo; } >> ${dir.file("argv")}
    tr '\\0' '\\n' < /proc/$$/environ >> ${dir.file("environ")}
    { cat; echo; } >> ${dir.file("stdin")}`;
  writeFileSync(path, `#!/bin/sh\n${record}\n${script}\n`);
  chmodSync(path, 0o755);
}

const recorded = (what: string) =>
  existsSync(dir.file(what)) ? readFileSync(dir.file(what), "utf8") : "";

async function find(file: object, image = IMAGE, environment: Record<string, string> = {}) {
  const path = dir.file("config.json");
  writeFileSync(path, JSON.stringify(file));
  return await findCredentials(parseReference(image), {
    files: [path],
    environment: { PATH: `${dir.path}:/usr/bin:/bin`, ...environment },
    helperTimeoutMs: SHORT_MS,
  });
}

describe("a helper", () => {
  test("is asked for one registry, by stdin, and answers with a user name and a password", async () => {
    helper("good", ANSWER);
    const result = await find({ credsStore: "good" }, "test.io:5000/org/app:1");
    expect(result).toEqual({
      credentials: HELPED,
      source: `docker-credential-good, by ${dir.file("config.json")}`,
    });
    expect(recorded("stdin")).toBe("test.io:5000\n");
    expect(recorded("argv")).toMatch(/docker-credential-good get \n$/);
  });

  test("has the environment it is given and no other", async () => {
    process.env["HELPER_TEST_CANARY"] = "canary";
    helper("good", ANSWER);
    await find({ credsStore: "good" }, IMAGE, { AWS_PROFILE: "x" });
    delete process.env["HELPER_TEST_CANARY"];
    expect(recorded("environ").trim().split("\n").toSorted()).toEqual([
      "AWS_PROFILE=x",
      `PATH=${dir.path}:/usr/bin:/bin`,
    ]);
  });

  test("may answer with an identity token", async () => {
    helper("token", `printf '{"Username":"<token>","Secret":"canary-id"}'`);
    const result = await find({ credsStore: "token" });
    expect(result?.credentials).toEqual({ identityToken: "canary-id" });
  });

  test.each([
    "credentials not found in native keychain",
    "no credentials server URL",
    "no credentials username",
  ])("that says %p has none", async (words) => {
    helper("empty", `echo ${words}; exit 1`);
    expect(await find({ credsStore: "empty" })).toBeUndefined();
  });

  test("that answers with an empty name and an empty secret has none", async () => {
    helper("empty", `printf '{"Username":"","Secret":""}'`);
    expect(await find({ credsStore: "empty" })).toBeUndefined();
  });

  test("is asked for Docker Hub by docker's address, then by podman's name", async () => {
    helper("hub", NOT_FOUND);
    expect(await find({ credsStore: "hub" }, "alpine")).toBeUndefined();
    expect(recorded("stdin")).toBe("https://index.docker.io/v1/\ndocker.io\n");
  });
});

describe("of several sources in a file", () => {
  beforeEach(() => {
    helper("one", ANSWER);
    helper("all", `printf '{"Username":"all","Secret":"canary"}'`);
    helper("none", NOT_FOUND);
  });

  test.each<[string, object, string | undefined]>([
    [
      "the registry's helper comes before the one for all",
      { credHelpers: { "test.io": "one" }, credsStore: "all" },
      "helped",
    ],
    ["the one for all comes before the file", { credsStore: "all" }, "all"],
    ["another registry's helper is none of ours", { credHelpers: { "1.test.io": "one" } }, "filed"],
    [
      "a helper for a path is not supported, as in podman",
      { credHelpers: { "test.io/org": "one" } },
      "filed",
    ],
    [
      "an empty name for the registry means the file",
      { credHelpers: { "test.io": "" }, credsStore: "all" },
      "filed",
    ],
    ["what the helper does not have, the file is not asked for", { credsStore: "none" }, undefined],
  ])("%s", async (_, file, expected) => {
    const result = await find({ ...FILED, ...file });
    const { credentials } = result ?? {};
    expect(credentials && "username" in credentials && credentials.username).toBe(expected);
  });
});

describe("a helper that", () => {
  const rows: [string, string, string][] = [
    ["hangs", "sleep 60", "has not answered in 0.3 seconds"],
    ["drips", "while :; do printf .; sleep 0.05; done", "has not answered in 0.3 seconds"],
    ["hangs without output", "exec >&- 2>&-; sleep 60", "has not answered in 0.3 seconds"],
    ["floods", "yes canary", "answers with more than 64 KiB"],
    ["floods stderr", "yes canary >&2", "has not answered in 0.3 seconds"],
    ["is killed", "kill -9 $$", "was ended by SIGKILL"],
    ["fails", "echo canary; echo canary-secret >&2; exit 3", "ended with exit status 3"],
    ["says something else", "echo canary", "answers with something else than a user name"],
    ["answers with a list", `printf '["canary"]'`, "answers with something else than a user name"],
    ["answers with other types", `printf '{"Username":1,"Secret":"canary"}'`, "something else"],
    ["has no secret", `printf '{"Username":"canary","Secret":""}'`, "with half of what is needed"],
    ["has no name", `printf '{"Username":"","Secret":"canary"}'`, "with half of what is needed"],
    ["has its secret on stderr", `echo canary-secret >&2; ${ANSWER}; exit 1`, "exit status 1"],
  ];
  test.each(rows)("%s is told of, without its words", async (_, script, problem) => {
    helper("bad", script);
    const refused = find({ ...FILED, credsStore: "bad" });
    await expectRefused(
      refused,
      "CREDENTIALS_UNREADABLE",
      `the credentials file ${dir.file("config.json")} has test.io looked up by docker-credential-bad, which`,
    );
    await expectRefused(refused, "CREDENTIALS_UNREADABLE", problem);
  });

  test("is not there is missed by its name", async () => {
    const refused = find({ credsStore: "missing" });
    await expectRefused(
      refused,
      "CREDENTIALS_UNREADABLE",
      "docker-credential-missing, which is not on PATH",
    );
    const error = await refused.catch((reason: unknown) => reason);
    expect(error instanceof RunnerError && error.hint).toContain("docker-credential-missing get");
  });

  test("is no program is told of", async () => {
    writeFileSync(dir.file("docker-credential-text"), "\x7fELF");
    chmodSync(dir.file("docker-credential-text"), 0o755);
    await expectRefused(
      find({ credsStore: "text" }),
      "CREDENTIALS_UNREADABLE",
      "which cannot be started",
    );
  });

  test.each([
    "../evil",
    "/bin/evil",
    "a b",
    "a;touch x",
    "$(touch x)",
    "a\nb",
    "-",
    "é",
    "#definitely-does-not-exist",
  ])("is called %p is never run", async (name) => {
    helper(name.replace(/[^a-z]/g, "") || "x", ANSWER);
    const refused = find({ credHelpers: { "test.io": name } });
    if (name === "-") await expectRefused(refused, "CREDENTIALS_UNREADABLE", "is not on PATH");
    else await expectRefused(refused, "CREDENTIALS_UNREADABLE", "which is no name");
    expect(recorded("argv")).toBe("");
  });

  test("lies in a relative part of PATH is not found", async () => {
    helper("good", ANSWER);
    const refused = find({ credsStore: "good" }, IMAGE, { PATH: dir.path.slice(1) });
    await expectRefused(refused, "CREDENTIALS_UNREADABLE", "is not on PATH");
  });
});
