// Removes a tree as whoever runs this: `bun remove-child.ts PATH`.

import { removeTree } from "../../src/system/private-directory.ts";

removeTree(process.argv[2] ?? "");
