// What the Dockerfile makes: on a stand-in for Alpine, under Docker's default rules and under those of a platform that
// starts everything as UID 1000 without capabilities.

import { describe, expect } from "bun:test";
import packageJson from "../../package.json";
import { hostileEnvironments } from "../../scripts/harden-binary.ts";
import { AS_ROOT, AS_USER, podman, podmanMust } from "../support/podman.ts";
import { IMAGE_COMMIT, RUNNER_IMAGE, inRunnerContainers } from "../support/runner-image.ts";

const VERSION = `fastmcp-runner ${packageJson.version} (${IMAGE_COMMIT})\n`;
const OWNED = "/app /data /home /home/mcp /opt /srv /var/data /var/cache/fastmcp-runner";

const containerTest = inRunnerContainers();

containerTest("the image declares how it is run", async () => {
  const [image] = JSON.parse(await podmanMust("image", "inspect", RUNNER_IMAGE));
  expect(image.Config.Entrypoint).toEqual(["fastmcp-runner"]);
  expect(image.Config.Cmd ?? []).toEqual([]);
  expect(image.Config.ExposedPorts).toEqual({ "7860/tcp": {} });
  expect(image.Healthcheck.Test).toEqual(["CMD", "fastmcp-runner", "healthcheck"]);
  // It starts as root, and drops to 1000:1000 itself.
  expect(image.Config.User ?? "").toBe("");
});

containerTest("the image's labels say what it is", async () => {
  const [image] = JSON.parse(await podmanMust("image", "inspect", RUNNER_IMAGE));
  expect(image.Labels).toMatchObject({
    "org.opencontainers.image.title": "FastMCP Runner",
    "org.opencontainers.image.description": packageJson.description,
    "org.opencontainers.image.source": `https://github.com/${packageJson.repository.split(":")[1]}`,
    "org.opencontainers.image.licenses": packageJson.license,
    "org.opencontainers.image.version": packageJson.version,
    "org.opencontainers.image.revision": IMAGE_COMMIT,
  });
});

containerTest(
  "the user 1000:1000 owns what a server may write to, and not the marker",
  async () => {
    const script = `stat -c '%u:%g %n' ${OWNED}; stat -c '%u:%g %a' /etc/fastmcp-runner/owns-root`;
    const lines = await inContainer(AS_USER, script);
    const owned = OWNED.split(" ").map((path) => `1000:1000 ${path}\n`);
    expect(lines).toBe(`${owned.join("")}0:0 644\n`);
  },
);

// The kernel hides a process from others of its user, environment and all, when they may not read its program.
containerTest("the user 1000:1000 may execute the binary and not read it", async () => {
  const script = "f=$(command -v fastmcp-runner); test -x $f && ! test -r $f && stat -c %u:%a $f";
  expect(await inContainer(AS_USER, script)).toBe("0:711\n");
});

describe.each([
  ["root with Docker's default capabilities", AS_ROOT, "uid=0(root) gid=0(root)"],
  ["1000:1000 without capabilities", AS_USER, "uid=1000(mcp) gid=1000(mcp)"],
] as const)("as %s", (_, rules, identity) => {
  containerTest("the container runs as that, confined", async () => {
    const output = await inContainer(rules, "id; grep Seccomp: /proc/self/status");
    expect(output).toStartWith(identity);
    expect(output).toEndWith("Seccomp:\t2\n");
  });

  containerTest("the binary runs on musl", async () => {
    const { stdout, stderr, exitCode } = await podman("run", ...rules, RUNNER_IMAGE, "--version");
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: VERSION, stderr: "", exitCode: 0 });
  });

  containerTest("no variable of Bun's has an effect", async () => {
    const commands = hostileEnvironments().map((environment) => {
      const words = Object.entries(environment).map(([name, value]) => `'${name}=${value}'`);
      return `env ${words.join(" ")} fastmcp-runner --version`;
    });
    const output = await inContainer(rules, `{ ${commands.join("; ")}; } 2>&1`);
    expect(output).toBe(VERSION.repeat(commands.length));
  });

  containerTest("doctor finds the tools of the image and a run mode", async () => {
    const { stdout, stderr, exitCode } = await podman("run", ...rules, RUNNER_IMAGE, "doctor");
    expect(stderr).toBe("");
    expect(stdout).toContain("/usr/bin/crane");
    expect(stdout).toMatch(/overlay.*works|overlay.*yes/i);
    expect(exitCode).toBe(0);
  });
});

function inContainer(rules: readonly string[], script: string): Promise<string> {
  return podmanMust("run", ...rules, "--entrypoint=/bin/sh", RUNNER_IMAGE, "-c", script);
}
