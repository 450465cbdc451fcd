import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { diskError, errnoOf, isDiskFull, isNotAllowed } from "../../src/system/disk-error.ts";

function failure(code: string): Error {
  return Object.assign(new Error("the disk says no"), { code });
}

describe("diskError", () => {
  test.each([
    ["ENOSPC", "DISK_FULL", "no room"],
    ["EDQUOT", "DISK_FULL", "no room"],
    ["EROFS", "DISK_UNWRITABLE", "no right"],
    ["EIO", "DISK_UNWRITABLE", "no right"],
  ])("%s is %s", (errno, code, message) => {
    const cause = failure(errno);
    const error = diskError(cause, { full: "no room", unwritable: "no right", stage: "execute" });
    expect(error).toMatchObject({ code, message, cause, stage: "execute" });
  });

  test("an error keeps the stage of its code where none is given", () => {
    expect(diskError(failure("ENOSPC"), { full: "a", unwritable: "b" }).stage).toBe("extract");
  });
});

describe("errnoOf", () => {
  test("a failed system call names its errno", () => {
    let error: unknown;
    try {
      readFileSync("/there/is/no/such/file");
    } catch (caught) {
      error = caught;
    }
    expect(errnoOf(error)).toBe("ENOENT");
  });

  test.each([[new Error("no errno")], ["text"], [undefined]])("%p has none", (error) => {
    expect(errnoOf(error)).toBe("");
    expect(isDiskFull(error) || isNotAllowed(error)).toBe(false);
  });
});
