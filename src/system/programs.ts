// Programs on PATH, found without a shell.

/**
 * The absolute path of a program, or undefined. Relative parts of PATH are passed over: the working directory may
 * hold a stranger's files.
 */
export function findProgram(name: string, searchPath: string | undefined): string | undefined {
  const directories = (searchPath ?? "").split(":").filter((part) => part.startsWith("/"));
  return Bun.which(name, { PATH: directories.join(":"), cwd: "/" }) ?? undefined;
}
