import { describe, expect, test } from "bun:test";
import { expandSafePaths, mayBeServers } from "../../src/launch/safe-paths.ts";

describe("expandSafePaths", () => {
  test("a star stands for the names that there are, in order, and for no other directory's", () => {
    const names: Record<string, string[]> = {
      "/usr/lib": ["python3.11", "python3", "perl", "node_modules"],
      "/usr/local/lib": ["python3.12"],
    };
    expect(expandSafePaths((directory) => names[directory] ?? [])).toEqual([
      "/app",
      "/data",
      "/home",
      "/opt",
      "/srv",
      "/var/lib",
      "/var/data",
      "/usr/lib/python3/site-packages",
      "/usr/lib/python3.11/site-packages",
      "/usr/lib/python3/dist-packages",
      "/usr/lib/python3.11/dist-packages",
      "/usr/local/lib/python3.12/site-packages",
      "/usr/local/lib/python3.12/dist-packages",
      "/usr/local/lib/node_modules",
    ]);
  });
});

test.each([
  ["/app", true],
  ["/srv/app/deeper", true],
  ["/workspace", true],
  ["/usr/lib/python3.12/site-packages/x", true],
  ["/usr/lib/python3.12", false],
  ["/usr/local/sbin", false],
  ["/root/bin", false],
  ["/etc/cron.d", false],
  ["/var/library", false],
])("a new directory %s may be the server's: %p", (path, expected) => {
  expect(mayBeServers(path)).toBe(expected);
});
