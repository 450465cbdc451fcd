// A Python that uv has put below root's home, which is closed to everybody else.

import { PYTHON, pythonFiles, venvFiles } from "../runtime-files.ts";
import { EVIDENCE_IN_PYTHON } from "./evidence.ts";
import type { SampleImage } from "./sample-image.ts";

const HOME_OF_PYTHON = "root/.local/share/uv/python/cpython-3";

export const PYTHON_ROOT_LOCAL: SampleImage = {
  title: "Python, `/root`",
  about: "CPython below `/root/.local`, where uv puts it, in a `/root` of mode 0700.",
  programs: [PYTHON, "ldd"],
  layer: () => [
    { path: "root/", mode: 0o700 },
    ...pythonFiles(HOME_OF_PYTHON),
    ...venvFiles(`/${HOME_OF_PYTHON}/bin`),
    { path: "app/server.py", content: EVIDENCE_IN_PYTHON },
  ],
  config: { Entrypoint: ["/app/.venv/bin/python", "/app/server.py"] },
  interpreter: "/app/.venv/bin/python",
};
