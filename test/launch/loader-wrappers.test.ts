import { describe, expect, test } from "bun:test";
import { findIn, privateRootView } from "../../src/launch/root-view.ts";
import { passedOn } from "../../src/launch/loader-wrappers.ts";
import { tempDir } from "../support/temp-dir.ts";
import { put } from "./support/tiny-root.ts";

const OFFICIAL = `#!/bin/sh
set -e

# Run command with node if the first argument contains a "-" or is not a system command.
if [ "\${1#-}" != "\${1}" ] || [ -z "$(command -v "\${1}")" ] || { [ -f "\${1}" ] && ! [ -x "\${1}" ]; }; then
  set -- node "$@"
fi

exec "$@"
`;
const PLAIN = '#!/bin/sh\nset -eu\n# nothing else\nexec "$@"\n';

interface Case {
  readonly script: string;
  readonly args: readonly string[];
  readonly becomes: readonly string[] | undefined;
}

const CASES: readonly Case[] = [
  { script: PLAIN, args: ["tool", "-x", ""], becomes: ["tool", "-x", ""] },
  { script: PLAIN, args: [], becomes: undefined },
  {
    script: '#!/usr/bin/env bash\nset -euo pipefail\nexec "$@"',
    args: ["tool"],
    becomes: ["tool"],
  },
  { script: '#!/bin/bash -e\nexec "$@"\n', args: ["tool"], becomes: ["tool"] },
  { script: '#!/bin/bash -x\nexec "$@"\n', args: ["tool"], becomes: undefined },
  { script: '#!/usr/bin/python3\nexec "$@"\n', args: ["tool"], becomes: undefined },
  { script: '#!/bin/sh\nexport A=1\nexec "$@"\n', args: ["tool"], becomes: undefined },
  { script: '#!/bin/sh\nexec "$@"\necho "late"\n', args: ["tool"], becomes: undefined },
  { script: "#!/bin/sh\nexec $@\n", args: ["tool"], becomes: undefined },
  { script: '#!/bin/sh\nset -e; rm x\nexec "$@"\n', args: ["tool"], becomes: undefined },
  { script: '#!/bin/sh\nexec tool "$@"\n', args: ["x"], becomes: undefined },
  { script: OFFICIAL, args: ["tool", "x"], becomes: ["tool", "x"] },
  { script: OFFICIAL, args: ["/bin/tool"], becomes: ["/bin/tool"] },
  { script: OFFICIAL, args: ["server.js"], becomes: ["node", "server.js"] },
  { script: OFFICIAL, args: ["/app/server.js"], becomes: ["node", "/app/server.js"] },
  { script: OFFICIAL, args: ["--version"], becomes: ["node", "--version"] },
  { script: OFFICIAL, args: ["both"], becomes: ["node", "both"] },
  { script: OFFICIAL, args: [], becomes: ["node"] },
  { script: OFFICIAL.replace("set -- node", "rm x; set -- node"), args: ["x"], becomes: undefined },
  { script: OFFICIAL.replace("set -- node", "set -- $NODE"), args: ["x"], becomes: undefined },
];

describe("a script that becomes its arguments", () => {
  for (const [index, { script, args, becomes }] of CASES.entries()) {
    test(`case ${index}: with ${JSON.stringify(args)} is ${JSON.stringify(becomes)}`, () => {
      using dir = tempDir();
      const root = dir.file("root");
      put(root, "bin/tool", "", 0o755);
      put(root, "bin/both", "", 0o755);
      put(root, "app/both", "");
      put(root, "app/server.js", "");
      put(root, "entrypoint.sh", script, 0o755);
      const view = privateRootView(root);
      const entry = findIn(view, "/entrypoint.sh");
      if (entry === undefined) throw new Error("it was just written");
      const context = {
        searchPath: "/bin",
        workingDirectory: "/app",
        identity: { uid: 1000, gid: 1000 },
      };
      const start = Buffer.from(script).subarray(0, 256);
      expect(passedOn(view, { entry, start }, args, context)).toEqual(becomes);
    });
  }
});
