// CPython in a virtual environment of the application, whose `python` is a link out of it.

import { PYTHON, pythonFiles, venvFiles } from "../runtime-files.ts";
import { EVIDENCE_IN_PYTHON } from "./evidence.ts";
import type { SampleImage } from "./sample-image.ts";

export const PYTHON_VENV: SampleImage = {
  title: "Python, venv",
  about: "CPython in a venv under `/app`, whose `python` is a link to `/usr/local/bin/python3`.",
  programs: [PYTHON, "ldd"],
  layer: () => [
    ...pythonFiles("usr/local"),
    ...venvFiles("/usr/local/bin"),
    {
      path: "app/.venv/bin/serve",
      content: `#!/app/.venv/bin/python\nimport edited, installed\n${EVIDENCE_IN_PYTHON}`,
      mode: 0o755,
    },
  ],
  config: {
    Entrypoint: ["serve"],
    Env: ["PATH=/app/.venv/bin:/usr/local/bin:/usr/bin:/bin"],
    WorkingDir: "/app",
  },
  interpreter: "/app/.venv/bin/python",
};
