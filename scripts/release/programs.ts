// Runs the programs that a release is made with: git, crane, cosign. Knows nothing of what they do.

export interface RunOptions {
  readonly cwd?: string;
  /** On top of this process's own. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

export interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, whatever that is. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Run> {
  const child = Bun.spawn([...argv], {
    env: { ...process.env, ...options.environment },
    stdin: options.stdin === undefined ? "ignore" : Buffer.from(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
}

/** Runs a program that must succeed, and returns its stdout. Throws with all that it said. */
export async function mustRun(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await run(argv, options);
  if (exitCode === 0) return stdout;
  throw new Error(`${argv.join(" ")} ended with status ${exitCode}: ${stdout}${stderr}`);
}

/** What is not installed of these, in words, if anything. */
export function programsProblem(programs: readonly string[]): string | undefined {
  const missing = programs.filter((program) => Bun.which(program) === null);
  return missing.length === 0 ? undefined : `not installed: ${missing.join(", ")}`;
}
