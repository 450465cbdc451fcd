// Unpacks one layer as whoever runs this: `bun unpack-child.ts ARCHIVE PARENT` makes PARENT/root and prints the report.

import { readFileSync, writeSync } from "node:fs";
import { unpack } from "./support.ts";

const [archive = "", parent = ""] = process.argv.slice(2);
const { report } = await unpack(parent, [readFileSync(archive)]);
writeSync(1, JSON.stringify(report));
