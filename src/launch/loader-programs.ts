// Which programs can be started by a loader outside of their own root, and why others cannot: what is known of each,
// by name. Pure.

export type LoaderFamily = "node" | "python" | "unknown";

interface Rule {
  readonly names: RegExp;
  /** The end of a sentence that begins with the program's name. */
  readonly problem: string;
}

const SHELLS =
  "is a shell, and would take the programs that it starts, and their libraries, from this machine instead of the image";
const STARTERS = "starts other programs, which would not find the image's libraries";
const ABSOLUTE = "finds its own library at absolute paths, which would be this machine's";
const SELF = "finds its own files by /proc/self/exe, which would be the loader";

const REFUSED: readonly Rule[] = [
  { names: /^(?:ba|da|a|z|k|mk|fi|tc|c)?sh$/, problem: SHELLS },
  {
    names:
      /^(?:env|tini(?:-static)?|dumb-init|catatonit|s6-.*|su-exec|gosu|setpriv|sudo|su|chroot|nice|nohup|timeout|xvfb-run|supervisord|pm2(?:-runtime)?|npm|npx|yarn|pnpm|pnpx|corepack|uv|uvx|poetry|pipenv|pipx|hatch|make)$/,
    problem: STARTERS,
  },
  {
    names: /^(?:ruby|irb|perl|php|lua|R|Rscript|erl|elixir|guile|tclsh)[\d.]*$/,
    problem: ABSOLUTE,
  },
  { names: /^(?:java|dotnet)$/, problem: SELF },
];

/** Why none of these names of one program may be started by a loader, if that is so. */
export function refusedProgram(names: readonly string[]): string | undefined {
  return REFUSED.find((rule) => names.some((name) => rule.names.test(name)))?.problem;
}

/** Why a program that starts with these libraries may not be started by a loader, if that is so. */
export function refusedLibraries(loaded: readonly string[]): string | undefined {
  // Debian's builds read parts of Node from there (libnode108 18.20.4+dfsg-1~deb12u3).
  return loaded.some((path) => /\/libnode\.so\.\d+$/.test(path))
    ? "is Debian's, which looks for parts of itself in /usr/share/nodejs, and that would be this machine's"
    : undefined;
}

/** What a dynamic program is, by the name of its file. */
export function familyOf(name: string): LoaderFamily {
  if (/^node(?:js)?\d*$/.test(name)) return "node";
  return /^python(?:\d+(?:\.\d+)?)?t?$/.test(name) ? "python" : "unknown";
}
