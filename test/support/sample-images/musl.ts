// What Alpine's images are: busybox, and a program for musl with its loader.

import { busyboxFiles, muslLoader } from "../runtime-files.ts";
import { evidenceProgram } from "./evidence.ts";
import type { SampleImage } from "./sample-image.ts";

export const MUSL: SampleImage = {
  title: "musl",
  about: "busybox, and a program for musl with its loader.",
  programs: ["busybox", "musl-gcc"],
  layer: () => [...busyboxFiles(), muslLoader(), evidenceProgram("musl", "usr/bin/server")],
  config: { Entrypoint: ["/usr/bin/server"] },
  interpreter: "/usr/bin/server",
};
