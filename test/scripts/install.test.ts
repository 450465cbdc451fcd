import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { hostTarget, type Target } from "../../scripts/build.ts";
import { IDENTITY } from "../../scripts/release/cosign.ts";
import { programProblem, unless } from "../support/requirements.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";

const SCRIPT = join(import.meta.dir, "../../scripts/install.sh");
const README = readFileSync(join(import.meta.dir, "../../README.md"), "utf8");
const BINARY = "#!/bin/sh\necho the runner\n";
const FILE = `fastmcp-runner-${hostTarget()}`;

/** What the release's server has, by path below `releases`. */
type Files = Readonly<Record<string, string>>;

const withDownloads = unless(programProblem("curl", "sha256sum"));
const withWget = unless(programProblem("wget", "busybox", "sha256sum"));

describe("install.sh", () => {
  withDownloads("puts the newest release's binary in place, and nothing else", async () => {
    using home = tempDir();
    const run = await install(home, latest(FILE, BINARY), []);
    expect(run).toMatchObject({ exitCode: 0, stdout: "" });
    expect(filesOf(home)).toEqual(["fastmcp-runner"]);
    const started = Bun.spawnSync([home.file(".local/bin/fastmcp-runner")]);
    expect(started.stdout.toString()).toBe("the runner\n");
  });

  withDownloads("takes a version and a directory", async () => {
    using home = tempDir();
    const files = release("download/v1.2.3", FILE, BINARY);
    const to = home.file("elsewhere/with a space");
    expect(await install(home, files, ["--version", "v1.2.3", "--to", to])).toMatchObject({
      exitCode: 0,
    });
    expect(readFileSync(join(to, "fastmcp-runner"), "utf8")).toBe(BINARY);
  });

  const sums = `${sha256(BINARY)}  ${FILE}\n`;
  const bad = {
    "a binary that is not the listed one": {
      ...latest(FILE, BINARY),
      [`latest/download/${FILE}`]: "evil",
    },
    "a binary that ends early": {
      ...latest(FILE, BINARY),
      [`latest/download/${FILE}`]: BINARY.slice(0, 9),
    },
    "a list without this file": {
      ...latest(FILE, BINARY),
      "latest/download/SHA256SUMS": `${sha256("x")}  other\n`,
    },
    "a list with this file twice": {
      ...latest(FILE, BINARY),
      "latest/download/SHA256SUMS": sums + sums,
    },
    "an empty list": { ...latest(FILE, BINARY), "latest/download/SHA256SUMS": "" },
    "a page instead of a list": {
      ...latest(FILE, BINARY),
      "latest/download/SHA256SUMS": "<html>sign in</html>",
    },
    "no binary": { "latest/download/SHA256SUMS": sums },
    "no list": { [`latest/download/${FILE}`]: BINARY },
  } satisfies Record<string, Files>;

  for (const [what, files] of Object.entries(bad)) {
    withDownloads(`leaves what was there, and no trace, when it gets ${what}`, async () => {
      using home = tempDir();
      mkdirSync(home.file(".local/bin"), { recursive: true });
      writeFileSync(home.file(".local/bin/fastmcp-runner"), "old");
      const { exitCode, stderr } = await install(home, files, []);
      expect(exitCode).toBe(1);
      expect(stderr).toContain("install.sh: ");
      expect(filesOf(home)).toEqual(["fastmcp-runner"]);
      expect(readFileSync(home.file(".local/bin/fastmcp-runner"), "utf8")).toBe("old");
    });
  }

  withDownloads("runs nothing when only half of itself has arrived", async () => {
    using home = tempDir();
    const text = readFileSync(SCRIPT, "utf8");
    const half = home.file("half.sh");
    writeFileSync(half, text.slice(0, text.lastIndexOf("main ")));
    expect(await install(home, latest(FILE, BINARY), [], { script: half })).toMatchObject({
      exitCode: 0,
    });
    expect(existsSync(home.file(".local"))).toBe(false);
  });

  withDownloads("asks cosign, where there is one, for the release's workflow", async () => {
    using home = tempDir();
    const files = { ...latest(FILE, BINARY), "latest/download/SHA256SUMS.sigstore.json": "{}" };
    const asked = home.file("asked");
    const cosign = fakeCosign(home, `printf '%s\\n' "$@" > ${asked}`);
    expect(await install(home, files, [], { cosign })).toMatchObject({ exitCode: 0 });
    const options = readFileSync(asked, "utf8").split("\n");
    for (const [name, value] of Object.entries(IDENTITY)) {
      expect(options[options.indexOf(`--${name}`) + 1]).toBe(value);
    }
  });

  withDownloads("installs nothing that cosign refuses", async () => {
    using home = tempDir();
    const files = { ...latest(FILE, BINARY), "latest/download/SHA256SUMS.sigstore.json": "{}" };
    const cosign = fakeCosign(home, "exit 1");
    const { exitCode, stderr } = await install(home, files, [], { cosign });
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 1 });
    expect(stderr).toContain("SHA256SUMS is not signed by a release of fastmcp-runner");
    expect(filesOf(home)).toEqual([]);
  });

  withWget("works with wget and busybox's shell, on a musl machine for its binary", async () => {
    using home = tempDir();
    const target = hostTarget().replace(/(-musl)?$/, "-musl") as Target;
    const bin = home.file("bin");
    mkdirSync(bin);
    for (const name of [
      "awk",
      "chmod",
      "mkdir",
      "mktemp",
      "mv",
      "rm",
      "sha256sum",
      "uname",
      "wc",
      "wget",
    ]) {
      const path = name === "wget" ? Bun.which("wget") : Bun.which("busybox");
      Bun.spawnSync(["ln", "-s", path ?? "", join(bin, name)]);
    }
    const files = latest(`fastmcp-runner-${target}`, BINARY);
    const shell = [Bun.which("busybox") ?? "", "sh"];
    expect(await install(home, files, [], { path: bin, shell })).toMatchObject({ exitCode: 0 });
    expect(filesOf(home)).toEqual(["fastmcp-runner"]);
  });
});

test("the README's line checks the very script that is beside it before it runs it", () => {
  const sum = /echo '([0-9a-f]{64}) {2}install\.sh' \| sha256sum -c && sh install\.sh/.exec(
    README,
  )?.[1];
  expect(sum).toBe(sha256(readFileSync(SCRIPT, "utf8")));
});

withDownloads("the README's line works, and runs nothing when the script is another", async () => {
  const line = README.split("\n").find((one) => one.includes("&& sh install.sh")) ?? "";
  for (const [script, expected] of [
    [readFileSync(SCRIPT, "utf8"), 0],
    ["touch ran\n", 1],
  ] as const) {
    using home = tempDir();
    await using server = serve({ ...latest(FILE, BINARY), "install.sh": script });
    const command = line.replace(/https:\S+\/install\.sh/, `${server.releases}/install.sh`);
    expect(command).not.toBe(line);
    const run = Bun.spawn(["sh", "-c", command], {
      cwd: home.path,
      env: environment(home, server.releases, pathWithoutCosign().join(":")),
      stdio: ["ignore", "ignore", "ignore"],
    });
    expect(await run.exited).toBe(expected);
    expect(existsSync(home.file("ran"))).toBe(false);
    expect(existsSync(home.file(".local/bin/fastmcp-runner"))).toBe(expected === 0);
  }
});

interface InstallOptions {
  readonly script?: string;
  readonly shell?: readonly string[];
  /** Instead of the usual PATH. */
  readonly path?: string;
  /** A directory with a cosign, which comes first on PATH. */
  readonly cosign?: string;
}

async function install(
  home: TempDir,
  files: Files,
  args: readonly string[],
  { script = SCRIPT, shell = ["sh"], path, cosign }: InstallOptions = {},
) {
  await using server = serve(files);
  const search = path ?? [cosign, ...pathWithoutCosign()].filter(Boolean).join(":");
  const child = Bun.spawn([...shell, script, ...args], {
    env: environment(home, server.releases, search),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}

function environment(home: TempDir, releases: string, path: string): Record<string, string> {
  return { HOME: home.path, PATH: path, FASTMCP_RUNNER_RELEASES: releases };
}

// The real one would ask the network who signed a test.
function pathWithoutCosign(): string[] {
  const folders = (process.env["PATH"] ?? "").split(":");
  return folders.filter((folder) => !existsSync(join(folder, "cosign")));
}

function serve(files: Files): AsyncDisposable & { readonly releases: string } {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const content = files[new URL(request.url).pathname.replace("/releases/", "")];
      return content === undefined ? new Response("none", { status: 404 }) : new Response(content);
    },
  });
  return {
    releases: `http://127.0.0.1:${server.port}/releases`,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

function latest(file: string, content: string): Files {
  return release("latest/download", file, content);
}

function release(folder: string, file: string, content: string): Files {
  const list = `${sha256("another")}  fastmcp-runner-other\n${sha256(content)}  ${file}\n`;
  return { [`${folder}/${file}`]: content, [`${folder}/SHA256SUMS`]: list };
}

function fakeCosign(home: TempDir, body: string): string {
  const folder = home.file("fake");
  mkdirSync(folder);
  writeFileSync(join(folder, "cosign"), `#!/bin/sh\n${body}\n`);
  chmodSync(join(folder, "cosign"), 0o755);
  return folder;
}

/** What is in the directory of programs, hidden files too. */
function filesOf(home: TempDir): string[] {
  return readdirSync(home.file(".local/bin"));
}

function sha256(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}
