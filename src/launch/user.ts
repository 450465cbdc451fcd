// Where the server's home is, by the image's own passwd file. The text is only read: nobody becomes the user it names.

/** One line of a passwd file that could be understood. */
interface Account {
  readonly name: string;
  readonly uid: number;
  readonly home: string;
}

export interface HomeSource {
  /** The image's User: a name or a number, perhaps with a group; "" means root. */
  readonly unsafeUser: string;
  /** The content of the image's /etc/passwd; "" where it has none. */
  readonly unsafePasswd: string;
  /** Who the server runs as. */
  readonly uid: number;
  readonly workingDirectory: string;
  /** Whether a directory will do; where the root is not the image's own, most of its homes do not exist. */
  readonly accepts: (home: string) => boolean;
}

const NUMERIC = /^\d{1,10}$/;

/** The home of the image's User, else that of the user the server runs as, else the working directory. */
export function homeOf(source: HomeSource): string {
  const accounts = parsePasswd(source.unsafePasswd);
  const [unsafeName = ""] = source.unsafeUser.split(":", 1);
  const wanted = unsafeName === "" ? "0" : unsafeName;
  const candidates = [
    accounts.find((account) => account.name === wanted),
    NUMERIC.test(wanted) ? accounts.find((account) => account.uid === Number(wanted)) : undefined,
    accounts.find((account) => account.uid === source.uid),
  ];
  return (
    candidates.find((account) => account !== undefined && source.accepts(account.home))?.home ??
    source.workingDirectory
  );
}

// A line that is not one is passed over, as every reader of passwd does.
function parsePasswd(unsafeText: string): Account[] {
  return unsafeText.split("\n").flatMap((line) => {
    const [name = "", , uid = "", , , home = ""] = line.split(":");
    const usable = name !== "" && NUMERIC.test(uid) && home.startsWith("/") && !home.includes("\0");
    return usable ? [{ name, uid: Number(uid), home }] : [];
  });
}
