// Redirects of every kind, at every step. The registry fails each test in which a secret reaches a host that is not its
// own. S18 and S19 are such cases of the security list.

import { describe } from "bun:test";
import type { Misbehaviour } from "../../support/misbehaving-registry.ts";
import { ACCOUNT, holdRows, OWN_CHALLENGE } from "../../support/misbehaviour-row.ts";
import {
  at,
  both,
  challenge,
  header,
  redirect,
  refuses,
  status,
} from "../../support/misbehaviours.ts";

const forAccount = {
  registry: { access: { scheme: "bearer", account: ACCOUNT } },
  credentials: ACCOUNT,
} as const;
const METADATA = "http://169.254.169.254/latest/meta-data/";

describe.each([301, 302, 303, 307, 308])("a redirect with %d", (code) => {
  const inside = redirect("http://HOST/v2/org/app/manifests/1?again", code);
  const outside = redirect("http://STRANGER/x", code);
  holdRows([
    {
      title: "within the registry keeps the token",
      ...forAccount,
      faults: at("manifest", once(inside)),
      story: [
        "manifest 401",
        "token 200",
        `manifest ${code}`,
        "manifest 200",
        "config 200",
        "blob 200",
      ],
    },
    {
      title: "to another host takes no token along",
      ...forAccount,
      faults: [...at("blob", outside), ...at("stranger", refuses(404, "BLOB_UNKNOWN"))],
      refused: ["REGISTRY_RESPONSE_INVALID", "STRANGER, where"],
    },
  ]);
});

describe("statuses that are no redirects", () => {
  holdRows(
    [300, 304, 305, 306].map((code) => ({
      title: `${code} is not followed`,
      faults: at("blob", redirect("http://STRANGER/x", code)),
      refused: ["REGISTRY_RESPONSE_INVALID", `HTTP status ${code}`],
    })),
  );
});

describe.each(["manifest", "config", "blob"] as const)("a redirect of the %s", (step) => {
  const toStranger = at(step, redirect("http://STRANGER/x?signature=1"));
  holdRows([
    {
      title: "to itself for ever",
      faults: at(step, toItself),
      refused: ["REGISTRY_RESPONSE_INVALID", "HOST redirects its clients more than 5 times"],
    },
    {
      title: "to and fro for ever",
      faults: [
        ...toStranger,
        ...at("stranger", redirect("http://STORAGE/x")),
        ...at("storage", redirect("http://STRANGER/x")),
      ],
      refused: ["REGISTRY_RESPONSE_INVALID", "more than 5 times"],
    },
    {
      title: "to nowhere",
      faults: at(step, status(307)),
      refused: ["REGISTRY_RESPONSE_INVALID", "without saying where"],
    },
    {
      title: "to what is no address",
      faults: at(step, redirect("http://[::1")),
      refused: ["REGISTRY_RESPONSE_INVALID", "without saying where"],
    },
    {
      title: "S18 to a cloud's metadata",
      faults: at(step, redirect(METADATA)),
      refused: ["REGISTRY_REDIRECT_REFUSED", "http://169.254.169.254, which is not a public"],
    },
    {
      title: "S18 to a cloud's metadata, as a number",
      faults: at(step, redirect("http://2852039166/")),
      refused: ["REGISTRY_REDIRECT_REFUSED", "not a public address"],
    },
    {
      title: "S18 to a cloud's metadata, by IPv6",
      faults: at(step, redirect("http://[::ffff:169.254.169.254]/")),
      refused: ["REGISTRY_REDIRECT_REFUSED", "not a public address"],
    },
    {
      title: "S18 to a cloud's metadata, by a host in between",
      faults: [...toStranger, ...at("stranger", redirect(METADATA))],
      refused: ["REGISTRY_REDIRECT_REFUSED", "STRANGER redirects its clients"],
    },
    {
      title: "S18 to this network's link",
      faults: at(step, redirect("http://[fe80::1]/")),
      refused: ["REGISTRY_REDIRECT_REFUSED", "not a public address"],
    },
    {
      title: "to a file",
      faults: at(step, redirect("file:///etc/passwd")),
      refused: ["REGISTRY_REDIRECT_REFUSED", "which is not http"],
    },
    {
      title: "to data",
      faults: at(step, redirect("data:text/plain,x")),
      refused: ["REGISTRY_REDIRECT_REFUSED", "which is not http"],
    },
    {
      title: "to an address with a password in it",
      faults: at(step, redirect("http://user:canary@STRANGER/")),
      refused: ["REGISTRY_REDIRECT_REFUSED", "with a username in the address"],
    },
    {
      title: "S19 to a host that asks for the registry's token",
      ...forAccount,
      faults: [...toStranger, ...at("stranger", challenge(OWN_CHALLENGE, "Basic realm=x"))],
      refused: ["REGISTRY_RESPONSE_INVALID", "STRANGER, where"],
    },
    {
      title: "S19 to a host that asks for a token of its own",
      ...forAccount,
      faults: [
        ...toStranger,
        ...at("stranger", challenge(OWN_CHALLENGE.replace("HOST", "STRANGER"))),
      ],
      refused: ["REGISTRY_RESPONSE_INVALID", "STRANGER, where"],
    },
    {
      title: "S19 to a host that sets a cookie and sends back",
      ...forAccount,
      faults: [
        ...at(step, once(redirect("http://STRANGER/x"))),
        ...at("stranger", withCookie(redirect("http://HOST/v2/org/app/manifests/back?again"))),
      ],
      refused: ["REGISTRY_RESPONSE_INVALID", "HTTP status 401"],
    },
  ]);
});

function toItself(...[answer, request]: Parameters<Misbehaviour>): ReturnType<Misbehaviour> {
  return redirect(`http://HOST${request.target}`)(answer, request);
}

// Where the redirect leads to is told apart by its query.
function once(does: Misbehaviour): Misbehaviour {
  return (answer, request) =>
    answer.status !== 200 || request.query.has("again") ? answer : does(answer, request);
}

function withCookie(does: Misbehaviour): Misbehaviour {
  return both(does, header("set-cookie", "sent-back=1; Domain=localhost; Path=/"));
}
