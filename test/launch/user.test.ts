import { describe, expect, test } from "bun:test";
import { homeOf } from "../../src/launch/user.ts";

const PASSWD = [
  "root:x:0:0:root:/root:/bin/sh",
  "broken line",
  "relative:x:7:7::home:/bin/sh",
  "app:x:999:999::/srv/app:/bin/sh",
  "node:x:1000:1000::/home/node:/bin/sh",
].join("\n");

const CASES = [
  { user: "app", home: "/srv/app" },
  { user: "app:staff", home: "/srv/app" },
  { user: "999", home: "/srv/app" },
  { user: "999:0", home: "/srv/app" },
  { user: "", home: "/root" },
  { user: "0:0", home: "/root" },
  { user: "4242", home: "/home/node" },
  { user: "nobody-knows", home: "/home/node" },
  { user: "relative", home: "/home/node" },
  { user: "app", passwd: "", home: "/work" },
  { user: "", passwd: "app:x:999:999::/srv/app:", home: "/work" },
  { user: "", rejects: "/root", home: "/home/node" },
  { user: "app", rejects: "/", home: "/work" },
];

describe("homeOf", () => {
  for (const [index, { user, home, passwd = PASSWD, rejects }] of CASES.entries()) {
    test(`case ${index}: the home of "${user}" is ${home}`, () => {
      const found = homeOf({
        unsafeUser: user,
        unsafePasswd: passwd,
        uid: 1000,
        workingDirectory: "/work",
        accepts: (candidate) => rejects === undefined || !candidate.startsWith(rejects),
      });
      expect(found).toBe(home);
    });
  }
});
