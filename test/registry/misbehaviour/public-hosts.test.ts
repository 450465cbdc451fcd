// What a registry that is not on this machine must not make its clients do: speak without encryption, ask this
// network's hosts, or show a password to somebody else. S18 and S20 are such cases of the security list.

import { describe } from "bun:test";
import { known } from "../../support/known-registries.ts";
import { ACCOUNT, holdRows, type Row } from "../../support/misbehaviour-row.ts";
import { at, challenge, redirect, says } from "../../support/misbehaviours.ts";

describe("a registry of the world", () => {
  const names = known("registry.example.com", "storage.example.com");
  const notPublic = (where: string): Row["refused"] => [
    "REGISTRY_REDIRECT_REFUSED",
    `${where}, which is not a public address`,
  ];
  const realm = (address: string) => at("manifest", challenge(`Bearer realm="${address}"`));
  holdRows(
    [
      {
        title: "that redirects from https to http",
        faults: at("blob", redirect("http://STRANGER/x")),
        refused: ["REGISTRY_REDIRECT_REFUSED", "http://stranger.example, which is not encrypted"],
      },
      {
        title: "that redirects from https to http, by a host in between",
        faults: [
          ...at("blob", redirect("https://STRANGER/x")),
          ...at("stranger", redirect("http://HOST/x")),
        ],
        refused: [
          "REGISTRY_REDIRECT_REFUSED",
          "http://registry.example.com, which is not encrypted",
        ],
      },
      ...[
        "10.0.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "[fd00::1]",
        "127.0.0.1",
        "[::1]",
        "localhost",
        "0.0.0.0",
      ].map((host) => ({
        title: `S18 that redirects to ${host}`,
        faults: at("blob", redirect(`https://${host}/x`)),
        refused: notPublic(`https://${host}`),
      })),
      {
        title: "S20 whose token service is not encrypted",
        faults: realm("http://HOST/token"),
        refused: ["REGISTRY_REDIRECT_REFUSED", "which is not encrypted"],
      },
      {
        title: "S20 whose token service is this machine",
        faults: realm("https://localhost/token"),
        refused: notPublic("https://localhost"),
      },
      {
        title: "S20 whose token service is of another owner",
        faults: [
          ...realm("https://STRANGER/token"),
          ...at("stranger", says(200, '{"token":"public"}')),
        ],
        refused: ["REGISTRY_DENIED", "STRANGER, which does not belong to it"],
      },
      {
        title: "S20 whose token service belongs to nobody we know by Basic too",
        faults: [
          ...at("manifest", challenge("Basic realm=x", 'Bearer realm="https://STRANGER/token"')),
          ...at("stranger", says(200, '{"token":"public"}')),
        ],
        refused: ["REGISTRY_DENIED", "STRANGER, which does not belong to it"],
      },
    ],
    { names, credentials: ACCOUNT },
  );
});
