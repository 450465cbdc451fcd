// Unpacks one layer as whoever runs this: `bun unpack-child.ts ARCHIVE PARENT` makes PARENT/root and prints the report,
// or the error's code.

import { readFileSync, writeSync } from "node:fs";
import { RunnerError } from "../../src/errors.ts";
import { unpack } from "./support.ts";

const [archive = "", parent = ""] = process.argv.slice(2);
const outcome = await unpack(parent, [readFileSync(archive)]).then(
  ({ report }) => JSON.stringify(report),
  (error: unknown) => (error instanceof RunnerError ? error.code : String(error)),
);
writeSync(1, outcome);
