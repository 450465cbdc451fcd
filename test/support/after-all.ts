// Preloaded by `bun test`: what several test files share is removed once, after the last of them. `bun test` fires no
// exit event.

import { afterAll } from "bun:test";
import { removePodmanStorage } from "./podman.ts";
import { removeAuthority } from "./public-names.ts";

// A few large images may be there, on a busy disk.
const REMOVAL_MS = 120_000;

afterAll(removePodmanStorage, REMOVAL_MS);
afterAll(removeAuthority);
