// An image with a user of its own, who is not the one that the server will be.

import { evidenceProgram } from "./evidence.ts";
import type { SampleImage } from "./sample-image.ts";

export const OWN_USER: SampleImage = {
  title: "uid 999",
  about: "`USER` is uid 999, with a home of its own that is closed to others.",
  programs: ["musl-gcc"],
  layer: () => [
    { path: "etc/passwd", content: "root:x:0:0::/root:/bin/sh\napp:x:999:999::/srv/app:/bin/sh\n" },
    { path: "srv/app/", mode: 0o700, uid: 999, gid: 999 },
    evidenceProgram("static", "usr/local/bin/server"),
  ],
  config: { Entrypoint: ["/usr/local/bin/server"], User: "app" },
  interpreter: "/usr/local/bin/server",
  home: "/srv/app",
};
