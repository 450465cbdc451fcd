// A directory for one test, removed at its end.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeTree } from "../../src/system/private-directory.ts";

export interface TempDir extends Disposable {
  readonly path: string;
  /** A path inside it. */
  file(...names: string[]): string;
}

export function tempDir(prefix = "fastmcp-runner-test-"): TempDir {
  const path = mkdtempSync(join(tmpdir(), prefix));
  return {
    path,
    file: (...names) => join(path, ...names),
    [Symbol.dispose]: () => removeTree(path),
  };
}
