// Preloaded by `bun test`: what several test files share is removed once, after the last of them. `bun test` fires no
// exit event.

import { afterAll } from "bun:test";
import { removePodmanStorage } from "./podman.ts";
import { removeAuthority } from "./public-names.ts";

afterAll(removePodmanStorage);
afterAll(removeAuthority);
