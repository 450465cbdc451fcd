// Where a loader finds libraries, with programs that were linked for the purpose; each that is accepted is started.

import { describe, expect } from "bun:test";
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { programProblem, unless } from "../support/requirements.ts";
import { librariesOf } from "../support/libraries.ts";
import { tempDir, type TempDir } from "../support/temp-dir.ts";
import { plantTree } from "./support/plant-tree.ts";
import { put, run, type StartOptions } from "./support/tiny-root.ts";

interface Case {
  /** Where the library lies in the image. */
  readonly library: string;
  readonly linkerOptions?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Why it is refused. */
  readonly refused?: string;
}

const CASES: Readonly<Record<string, Case>> = {
  "in a directory of the system": { library: "usr/lib/libanswer.so" },
  "beside the program, by DT_RUNPATH with $ORIGIN": {
    library: "opt/server/lib/libanswer.so",
    linkerOptions: ["-Wl,--enable-new-dtags,-rpath,$ORIGIN/../lib"],
  },
  "at an absolute DT_RUNPATH": {
    library: "opt/absolute/libanswer.so",
    linkerOptions: ["-Wl,--enable-new-dtags,-rpath,/opt/absolute"],
  },
  "beside the program, by the older DT_RPATH": {
    library: "opt/server/lib/libanswer.so",
    linkerOptions: ["-Wl,--disable-new-dtags,-rpath,${ORIGIN}/../lib"],
  },
  "in a directory of ld.so.conf": {
    library: "opt/configured/libanswer.so",
    files: { "etc/ld.so.conf": "# a comment\n/opt/configured # and another\n" },
  },
  "in a directory of a file that ld.so.conf includes": {
    library: "opt/included/libanswer.so",
    files: {
      "etc/ld.so.conf": "include ld.so.conf.d/*.conf\n",
      "etc/ld.so.conf.d/a.conf": "/nowhere\n/opt/included\n",
      "etc/ld.so.conf.d/b.disabled": "/opt/disabled\n",
    },
  },
  "in a directory of the image's LD_LIBRARY_PATH": {
    library: "opt/told/libanswer.so",
    environment: { LD_LIBRARY_PATH: "/none:/opt/told" },
  },
  "nowhere that is looked at": {
    library: "opt/lost/libanswer.so",
    refused: "/opt/server/bin/server needs libanswer.so",
  },
  "in an included file that includes itself": {
    library: "opt/lost/libanswer.so",
    files: { "etc/ld.so.conf": "include /etc/ld.so.conf\n" },
    refused: "/opt/server/bin/server needs libanswer.so",
  },
  "in a directory that a library path cannot name": {
    library: "opt/a;b/libanswer.so",
    environment: { LD_LIBRARY_PATH: "/opt/a;b" },
    refused: "/opt/server/bin/server needs libanswer.so",
  },
};

const GCC = programProblem("gcc", "ldd");

describe("a library", () => {
  for (const [title, sample] of Object.entries(CASES)) {
    unless(GCC)(title, async () => {
      using dir = tempDir();
      const root = rootWith(dir, sample);
      const { stdout, stderr, status } = await launch(dir, root, {
        command: ["/opt/server/bin/server"],
        env: sample.environment ?? {},
      });
      if (sample.refused === undefined) {
        expect(stderr).toBe("");
        expect(stdout).toBe("42\n");
      } else {
        expect(stderr).toContain(sample.refused);
        expect(status).toBe(125);
      }
    });
  }

  unless(GCC)("that this machine has at an absolute DT_RPATH is refused", async () => {
    using dir = tempDir();
    const here = dir.file("here");
    mkdirSync(here);
    writeFileSync(join(here, "libanswer.so"), "");
    const root = rootWith(dir, {
      library: `${here.slice(1)}/libanswer.so`,
      linkerOptions: [`-Wl,--disable-new-dtags,-rpath,${here}`],
    });
    const { stderr } = await launch(dir, root, { command: ["/opt/server/bin/server"] });
    expect(stderr).toContain(`would take this machine's ${here}/libanswer.so`);
  });

  unless(GCC)("that is asked for by its path is refused", async () => {
    using dir = tempDir();
    const root = rootWith(dir, { library: "usr/lib/libanswer.so" }, "/usr/lib/libanswer.so");
    const { stderr } = await launch(dir, root, { command: ["/opt/server/bin/server"] });
    expect(stderr).toContain("asks for /usr/lib/libanswer.so by its path");
  });
});

describe("a program that is not known", () => {
  unless(GCC)("starts, with a warning, and without the image's LD_PRELOAD", async () => {
    using dir = tempDir();
    const root = rootWith(dir, { library: "usr/lib/libanswer.so" });
    const { stdout, stderr } = await launch(dir, root, {
      command: ["/opt/server/bin/server"],
      env: { LD_PRELOAD: "/usr/lib/libanswer.so" },
      logLevel: "debug",
    });
    expect(stdout).toBe("42\n");
    expect(stderr).toContain("/opt/server/bin/server is not known to work in this mode");
    expect(stderr).toContain("LD_PRELOAD is left out");
  });

  unless(GCC)("and carries an archive behind its ELF file is refused", async () => {
    using dir = tempDir();
    const root = rootWith(dir, { library: "usr/lib/libanswer.so" });
    appendFileSync(join(root, "opt/server/bin/server"), Buffer.alloc(10_000, "archive"));
    const { stderr } = await launch(dir, root, { command: ["/opt/server/bin/server"] });
    expect(stderr).toContain("/opt/server/bin/server carries files behind its own");
  });

  unless(GCC)("and whose loader takes no library path is refused", async () => {
    using dir = tempDir();
    const root = rootWith(dir, { library: "usr/lib/libanswer.so" });
    const [loader] = librariesOf("/bin/sh").filter(({ path }) => /\/ld-linux/.test(path));
    rmSync(join(root, loader?.path ?? ""));
    put(root, loader?.path ?? "", Buffer.from("\u007fELF a stub"), 0o755);
    const { stderr } = await launch(dir, root, { command: ["/opt/server/bin/server"] });
    expect(stderr).toMatch(/needs the loader \/\S+, which takes no library path/);
  });
});

function launch(dir: TempDir, root: string, options: StartOptions) {
  return run(dir, root, { mode: "loader", ...options });
}

/** A root with a program that needs libanswer.so and the libraries of this machine's C. */
function rootWith(
  dir: TempDir,
  { library, linkerOptions = [], files = {} }: Case,
  soname = "libanswer.so",
): string {
  const root = plantTree(dir, librariesOf("/bin/sh"));
  for (const [path, content] of Object.entries(files)) put(root, path, content);
  writeFileSync(dir.file("answer.c"), "int answer(void) { return 42; }\n");
  writeFileSync(
    dir.file("server.c"),
    '#include <stdio.h>\nint answer(void);\nint main(void) { printf("%d\\n", answer()); return 0; }\n',
  );
  const built = join(root, library);
  const program = join(root, "opt/server/bin/server");
  for (const path of [built, program]) mkdirSync(dirname(path), { recursive: true });
  gcc("-shared", "-fPIC", `-Wl,-soname,${soname}`, "-o", built, dir.file("answer.c"));
  gcc("-o", program, dir.file("server.c"), ...linkerOptions, built);
  return root;
}

function gcc(...options: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["gcc", ...options], { stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`gcc: ${stderr.toString()}`);
}
