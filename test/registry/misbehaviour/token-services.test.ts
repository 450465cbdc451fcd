// Token services that are slow, huge or hostile, or live at an address that a registry must not send anybody to. The
// registry fails each test in which a secret reaches a host that is not its own. S20 is such a case of the security list.

import { describe } from "bun:test";
import type { Misbehaviour } from "../../support/misbehaving-registry.ts";
import {
  ACCOUNT,
  holdRows,
  OWN_CHALLENGE as OWN,
  type Refused,
} from "../../support/misbehaviour-row.ts";
import {
  at,
  body,
  breaks,
  challenge,
  header,
  json,
  redirect,
  refuses,
  says,
  status,
} from "../../support/misbehaviours.ts";

const forAll = { access: { scheme: "bearer" } } as const;
const forAccount = { access: { scheme: "bearer", account: ACCOUNT } } as const;
const STALL_MS = 150;

describe("a token service", () => {
  const once = ["manifest 401", "token 200"];
  const noToken = (words = "without a usable token"): Refused => [
    "REGISTRY_RESPONSE_INVALID",
    words,
  ];
  holdRows([
    {
      title: "that says access_token",
      registry: forAll,
      faults: at("token", renamed("access_token")),
    },
    {
      title: "that says both",
      registry: forAll,
      faults: at("token", withMembers({ access_token: "other" })),
    },
    {
      title: "whose tokens last no time at all",
      registry: forAll,
      faults: at("token", withMembers({ expires_in: 0 })),
    },
    {
      title: "whose tokens have expired when they come",
      registry: forAll,
      faults: at("token", withMembers({ expires_in: -5, issued_at: "1970-01-01T00:00:00Z" })),
    },
    {
      title: "whose tokens last for words",
      registry: forAll,
      faults: at("token", withMembers({ expires_in: "soon", issued_at: "yesterday" })),
    },
    {
      title: "whose tokens last for ever",
      registry: forAll,
      faults: at("token", withMembers({ expires_in: 1e300, issued_at: "9999-12-31T23:59:59Z" })),
    },
    {
      title: "that is a web page",
      registry: forAll,
      faults: at("token", says(200, "<html>Sign in</html>", { "content-type": "text/html" })),
      refused: noToken(),
      story: once,
    },
    {
      title: "that calls its JSON a web page",
      registry: forAll,
      faults: at("token", header("content-type", "text/html")),
    },
    {
      title: "that says nothing",
      registry: forAll,
      faults: at("token", says(200, "")),
      refused: noToken(),
      story: once,
    },
    {
      title: "that has no content",
      registry: forAll,
      faults: at("token", status(204)),
      refused: ["REGISTRY_RESPONSE_INVALID", "HTTP status 204"],
    },
    {
      title: "whose token is a number",
      registry: forAll,
      faults: at("token", json({ token: 7 })),
      refused: noToken(),
      story: once,
    },
    {
      title: "whose token is empty",
      registry: forAll,
      faults: at("token", json({ token: "", access_token: null })),
      refused: noToken(),
      story: once,
    },
    {
      title: "whose token begins another header",
      registry: forAll,
      faults: at("token", json({ token: "t\r\nHost: evil" })),
      refused: noToken(),
      story: once,
    },
    {
      title: "whose token is no ASCII",
      registry: forAll,
      faults: at("token", json({ token: "tökén" })),
      refused: noToken(),
      story: once,
    },
    {
      title: "whose answer is huge",
      registry: forAll,
      faults: at("token", json({ token: "t".repeat(10 * 2 ** 20) })),
      refused: noToken("more than 64 KiB"),
      story: once,
    },
    {
      title: "that is not there",
      registry: forAll,
      faults: at("token", status(404)),
      refused: noToken("has no token service"),
    },
    {
      title: "that forbids",
      registry: forAccount,
      credentials: ACCOUNT,
      faults: at("token", refuses(403, "DENIED")),
      refused: ["REGISTRY_DENIED", "does not let the given account pull org/app"],
    },
    {
      title: "that falls silent every time",
      registry: forAll,
      stallMs: STALL_MS,
      faults: at("token", breaks("hang", "nothing")),
      refused: ["REGISTRY_UNREACHABLE", "silent for"],
    },
    {
      title: "that falls silent in its answer every time",
      registry: forAll,
      stallMs: STALL_MS,
      faults: at("token", breaks("hang", 5)),
      refused: ["REGISTRY_UNREACHABLE", "silent for"],
    },
    {
      title: "that falls silent once",
      registry: forAll,
      stallMs: STALL_MS,
      faults: at("token", breaks("hang", "nothing"), 1),
    },
    {
      title: "that hangs up once",
      registry: forAll,
      faults: at("token", breaks("reset", "nothing"), 1),
    },
    { title: "that is in trouble twice", registry: forAll, faults: at("token", status(503), 2) },
    {
      title: "that limits",
      registry: forAll,
      faults: at("token", status(429, { "retry-after": "3600" })),
      refused: ["REGISTRY_LIMITED", "HOST"],
    },
  ]);
});

describe("the address of a token service", () => {
  const realm = (address: string) =>
    at("manifest", challenge(OWN.replace("http://HOST/token", address)));
  const unsafe: Refused = ["REGISTRY_REDIRECT_REFUSED", "HOST asks for a token from"];
  holdRows([
    {
      title: "S20 in a private network",
      faults: realm("http://10.0.0.1/t"),
      refused: unsafe,
      story: ["manifest 401"],
    },
    {
      title: "S20 in a private network, by IPv6",
      faults: realm("http://[fd00::1]/t"),
      refused: unsafe,
    },
    {
      title: "S20 in a private network, by IPv4 in IPv6",
      faults: realm("http://[::ffff:192.168.1.1]/t"),
      refused: unsafe,
    },
    {
      title: "S20 in a private network, as a number",
      faults: realm("http://0xa000001/t"),
      refused: unsafe,
    },
    {
      title: "S20 at a cloud's metadata",
      faults: realm("http://169.254.169.254/latest/"),
      refused: unsafe,
    },
    {
      title: "S20 with a username",
      faults: realm("http://user:canary@HOST/token"),
      refused: unsafe,
    },
    { title: "S20 in a file", faults: realm("file:///etc/passwd"), refused: unsafe },
    {
      title: "S20 that is none",
      faults: realm("/token"),
      refused: ["REGISTRY_RESPONSE_INVALID", "no address"],
    },
    {
      title: "S20 of another owner, who sees no password",
      faults: [
        { at: "manifest", does: challenge(OWN.replace("HOST", "STRANGER")), times: 1 },
        { at: "stranger", does: json({ token: "public" }) },
        { at: "manifest", does: challenge(OWN), after: 1 },
      ],
      credentials: ACCOUNT,
      refused: ["REGISTRY_DENIED", "STRANGER, which does not belong to it"],
    },
    {
      title: "S20 of another owner, whose tokens are good for all",
      faults: [
        { at: "manifest", does: challenge(OWN.replace("HOST", "STRANGER")), times: 1 },
        { at: "stranger", does: json({ token: "public" }) },
      ],
      story: ["manifest 401", "stranger 200", "manifest 200", "config 200", "blob 200"],
    },
    {
      title: "S20 that redirects to another owner",
      registry: forAccount,
      credentials: ACCOUNT,
      faults: at("token", redirect("http://STRANGER/token")),
      refused: ["REGISTRY_RESPONSE_INVALID", "without a usable token"],
    },
    {
      title: "S20 that redirects to a cloud's metadata",
      registry: forAccount,
      credentials: ACCOUNT,
      faults: at("token", redirect("http://169.254.169.254/latest/")),
      refused: ["REGISTRY_REDIRECT_REFUSED", "not a public address"],
    },
    {
      title: "S20 that redirects to itself for ever",
      registry: forAccount,
      credentials: ACCOUNT,
      faults: at("token", redirect("http://HOST/token")),
      refused: ["REGISTRY_RESPONSE_INVALID", "more than 5 times"],
    },
  ]);
});

function renamed(member: string): Misbehaviour {
  return changed(({ token, ...rest }) => ({ ...rest, [member]: token }));
}

function withMembers(members: Readonly<Record<string, unknown>>): Misbehaviour {
  return changed((answer) => ({ ...answer, ...members }));
}

// The proper answer has the token that the registry takes.
function changed(
  change: (answer: Record<string, unknown>) => Record<string, unknown>,
): Misbehaviour {
  return body((bytes) => {
    const answer = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
    return Buffer.from(JSON.stringify(change(answer)));
  });
}
