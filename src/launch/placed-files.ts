// What overlay has put on the runner's root, remembered for the next start: a container that is restarted keeps its
// root, and the files of the image that ran before must neither pass for the runner's own nor mix with a newer image's.

import {
  lstatSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";

/**
 * Path, inode and change time in nanoseconds. A path is latin1, one character a byte. The device is left out: a
 * container's root has another number each time that it is mounted.
 */
type Placed = readonly [path: string, inode: string, changed: string];

const SLASH = Buffer.from("/");
/** The mark of a directory, whose own change time says nothing: it changes with what is in it. */
const ANY_TIME = "";

/** Writes down everything at and below these paths. Throws what the filesystem throws. */
export function rememberPlaced(record: string, paths: readonly Buffer[]): void {
  const placed: Placed[] = [];
  const pending = [...paths];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const stats = lstatSync(path, { bigint: true });
    const isDirectory = stats.isDirectory();
    const changed = isDirectory ? ANY_TIME : String(stats.ctimeNs);
    placed.push([path.toString("latin1"), String(stats.ino), changed]);
    if (!isDirectory) continue;
    for (const name of readdirSync(path, { encoding: "buffer" })) {
      pending.push(Buffer.concat([path, SLASH, name]));
    }
  }
  // Complete or not at all; and for nobody else's eyes, since it is believed.
  writeFileSync(`${record}.new`, JSON.stringify(placed), { mode: 0o600 });
  renameSync(`${record}.new`, record);
}

/**
 * Removes what an earlier start put there, as far as it is still the very same: a file that somebody has changed since
 * is data and stays, as does a directory that is not empty. A record of another user's is not believed.
 */
export function removePlaced(record: string): void {
  // All are looked at before any is removed: that changes the time of an inode's other names. Parents were written
  // down before what is in them.
  const unchanged = readRecord(record).filter(isUnchanged).toReversed();
  for (const [path, , changed] of unchanged) {
    const bytes = Buffer.from(path, "latin1");
    try {
      if (changed === ANY_TIME) rmdirSync(bytes);
      else unlinkSync(bytes);
    } catch {
      // It holds something that somebody put there, or may not be removed: it stays, like all that was there before.
    }
  }
}

// Whatever links lead there by now: only an inode that was placed is ever touched.
function isUnchanged([path, inode, changed]: Placed): boolean {
  try {
    const stats = lstatSync(Buffer.from(path, "latin1"), { bigint: true });
    const isTimeSame =
      changed === ANY_TIME ? stats.isDirectory() : String(stats.ctimeNs) === changed;
    return isTimeSame && String(stats.ino) === inode;
  } catch {
    return false;
  }
}

function readRecord(record: string): readonly Placed[] {
  try {
    const { uid } = lstatSync(record);
    if (uid !== process.geteuid?.()) return [];
    return JSON.parse(readFileSync(record, "utf8")) as Placed[]; // written by rememberPlaced of this user
  } catch {
    // There is none: nothing has been placed yet, or nothing that could be remembered.
    return [];
  }
}
