// The files of docker, podman and crane: in which order they are asked, and which of them cannot be used.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { credentialFiles } from "../../src/registry/credential-files.ts";
import { account, found, searchIn, write } from "../support/credential-home.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { ORDINARY_USER } from "../support/privileges.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";

const IMAGE = "test.io/org/app:1";

let home: TempDir;
beforeEach(() => void (home = tempDir()));
afterEach(() => home[Symbol.dispose]());

const search = (environment: Readonly<Record<string, string>> = {}) =>
  searchIn(home, IMAGE, environment);

/** What one file, docker's, has for the image. */
async function inFile(content: string | object) {
  write(home.file(".docker/config.json"), content);
  return (await search())?.credentials;
}

describe("the files are asked in this order:", () => {
  const docker = () => home.file("docker/config.json");
  const run = () => home.file("run/containers/auth.json");
  const PLACES: readonly [string, () => string, () => Record<string, string>][] = [
    ["DOCKER_CONFIG", docker, () => ({ DOCKER_CONFIG: home.file("docker") })],
    ["~/.docker", () => home.file(".docker/config.json"), () => ({})],
    [
      "REGISTRY_AUTH_FILE",
      () => home.file("auth"),
      () => ({ REGISTRY_AUTH_FILE: home.file("auth") }),
    ],
    ["XDG_RUNTIME_DIR", run, () => ({ XDG_RUNTIME_DIR: home.file("run") })],
    ["~/.config", () => home.file(".config/containers/auth.json"), () => ({})],
  ];

  for (const [index, [name, path]] of PLACES.entries()) {
    const after = PLACES.slice(index);
    const environment = () => Object.assign({}, ...after.map(([, , variables]) => variables()));

    test(`${name} before all that come after it`, async () => {
      for (const [other, place] of after) write(place(), { auths: { "test.io": account(other) } });
      const expected = { credentials: found(name), source: path() };
      expect(await search(environment())).toEqual(expected);
    });

    test(`the last of all, where ${name} and the others have nothing for the image`, async () => {
      for (const [, place] of PLACES) write(place(), { auths: { "other.io": account("a") } });
      write(home.file(".config/containers/auth.json"), { auths: { "test.io": account("last") } });
      expect((await search(environment()))?.credentials).toEqual(found("last"));
    });
  }

  test("XDG_CONFIG_HOME in place of ~/.config, and DOCKER_CONFIG in place of ~/.docker", async () => {
    write(home.file(".docker/config.json"), { auths: { "test.io": account("a") } });
    write(home.file(".config/containers/auth.json"), { auths: { "test.io": account("b") } });
    const elsewhere = { DOCKER_CONFIG: home.file("x"), XDG_CONFIG_HOME: home.file("y") };
    expect(await search(elsewhere)).toBeUndefined();
    write(home.file("y/containers/auth.json"), { auths: { "test.io": account("c") } });
    expect((await search(elsewhere))?.credentials).toEqual(found("c"));
  });

  test("none, where there are none, and where there is not even a HOME", async () => {
    expect(await search()).toBeUndefined();
    expect(await credentialFiles({})).toEqual([]);
    write(home.file(".docker"), "no directory");
    expect(await search()).toBeUndefined();
  });

  test("a file with two names is asked once", async () => {
    const path = write(home.file("run/containers/auth.json"), "{}");
    const environment = { REGISTRY_AUTH_FILE: path, XDG_RUNTIME_DIR: home.file("run") };
    expect(await credentialFiles(environment)).toEqual([path]);
  });
});

describe("a file", () => {
  const refuse = (promise: Promise<unknown>, problem: string) =>
    expectRefused(
      promise,
      "CREDENTIALS_UNREADABLE",
      `the credentials file ${home.file(".docker/config.json")} ${problem}`,
    );

  test.each([
    ["}{", "is not valid JSON"],
    ['{"auths":{"test.io":{"auth":canary}}}', "is not valid JSON"],
    ["[]", "is not written as docker and podman write it"],
    ['"canary"', "is not written as docker and podman write it"],
    ['{"auths":["canary"]}', "is not written as docker and podman write it"],
    ['{"credsStore":{"canary":1}}', "is not written as docker and podman write it"],
  ])("that is %s is refused by its name, and quoted nowhere", async (content, problem) => {
    await refuse(inFile(content), problem);
  });

  test.each([
    "",
    "\n",
    "{}",
    '{"auths":null,"credHelpers":null,"credsStore":null}',
    '{"HttpHeaders":{"a":"b"}}',
  ])("that is %p holds nothing", async (content) => {
    expect(await inFile(content)).toBeUndefined();
  });

  test("of more than 1 MiB is refused", async () => {
    await refuse(inFile({ canary: "x".repeat(1024 * 1024) }), "is larger than 1 MiB");
  });

  test("that is a directory is refused", async () => {
    mkdirSync(home.file(".docker/config.json"), { recursive: true });
    await refuse(search(), "is a directory");
  });

  test("that is an endless device is refused", async () => {
    mkdirSync(home.file(".docker"));
    symlinkSync("/dev/zero", home.file(".docker/config.json"));
    await refuse(search(), "is larger than 1 MiB");
  });

  test("that may be a pipe is read to its end", async () => {
    const { exitCode } = Bun.spawnSync(["mkfifo", home.file("pipe")]);
    expect(exitCode).toBe(0);
    const text = JSON.stringify({ auths: { "test.io": account("a") } });
    const writer = Bun.spawn(["sh", "-c", 'cat > "$0"', home.file("pipe")], {
      stdin: new Blob([text]),
    });
    const result = await search({ REGISTRY_AUTH_FILE: home.file("pipe") });
    expect(result?.credentials).toEqual(found("a"));
    await writer.exited;
  });

  test("that everyone may read is used, as by docker", async () => {
    const path = write(home.file(".docker/config.json"), { auths: { "test.io": account("a") } });
    chmodSync(path, 0o666);
    expect((await search())?.credentials).toEqual(found("a"));
  });

  test("that may not be read is refused", async () => {
    chmodSync(write(home.file(".docker/config.json"), "{}"), 0);
    await withoutRights(() => refuse(search(), "cannot be read (EACCES)"));
  });

  test("in another user's HOME is as good as absent, unless it is named", async () => {
    const path = write(home.file("closed/.docker/config.json"), "{}");
    chmodSync(home.file("closed"), 0);
    await withoutRights(async () => {
      expect(await search({ HOME: home.file("closed") })).toBeUndefined();
      const named = search({ REGISTRY_AUTH_FILE: path });
      await expectRefused(named, "CREDENTIALS_UNREADABLE", `${path} cannot be read (EACCES)`);
    });
    chmodSync(home.file("closed"), 0o700);
  });
});

/** Runs as an ordinary user for whom the directory is open: root may read everything. */
async function withoutRights(run: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return await run();
  chmodSync(home.path, 0o755);
  process.seteuid?.(ORDINARY_USER);
  try {
    await run();
  } finally {
    process.seteuid?.(0);
  }
}
