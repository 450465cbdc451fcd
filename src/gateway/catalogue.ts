// What a server says of itself and offers, asked once, the way a client asks: through the endpoint that all clients
// use, whatever is behind it.

import { META, metaOf } from "./bridge/modern-terms.ts";
import { type Asking, modernAsking, sessionAsking } from "./catalogue-asking.ts";
import type { Endpoint } from "./endpoint.ts";
import { isMembers, type Members } from "./rpc/envelope.ts";
import type { Catalogue } from "./status.ts";

/** Pages of one list; a server that has more is not listed in full. */
const MAX_PAGES = 20;

const LISTS = ["tools", "resources", "prompts"] as const;
type List = (typeof LISTS)[number];

/** Asks in a session of its own, or without one where the server knows none. Throws where there is no answer. */
export async function readCatalogue(endpoint: Endpoint, mcpPath: string): Promise<Catalogue> {
  const asking = await sessionAsking(endpoint, mcpPath).catch(async (error: unknown) => {
    const modern = await modernAsking(endpoint, mcpPath).catch(() => undefined);
    if (modern === undefined) throw error;
    return modern;
  });
  try {
    return { ...accountIn(asking.greeting), ...(await listsOf(asking)) };
  } finally {
    await asking.close();
  }
}

function accountIn(greeting: Members): Omit<Catalogue, List> {
  const named = metaOf({ _meta: greeting["_meta"] })?.[META.serverInfo] ?? greeting["serverInfo"];
  const info = isMembers(named) ? named : {};
  const { protocolVersion, supportedVersions, instructions } = greeting;
  const versions = Array.isArray(supportedVersions) ? supportedVersions : [protocolVersion];
  return {
    unsafeName: textOf(info["title"]) ?? textOf(info["name"]) ?? "",
    unsafeVersion: textOf(info["version"]) ?? "",
    protocolVersions: versions.filter((version) => typeof version === "string"),
    ...(typeof instructions === "string" ? { unsafeInstructions: instructions } : {}),
  };
}

async function listsOf(asking: Asking): Promise<Pick<Catalogue, List>> {
  const { capabilities } = asking.greeting;
  const offered = isMembers(capabilities) ? capabilities : {};
  const lists = { tools: [], resources: [], prompts: [] } as Record<List, readonly unknown[]>;
  for (const list of LISTS) if (list in offered) lists[list] = await entriesOf(asking, list);
  return lists;
}

async function entriesOf(asking: Asking, list: List): Promise<readonly unknown[]> {
  const entries: unknown[] = [];
  let cursor: unknown;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const result = await asking.ask(`${list}/list`, cursor === undefined ? {} : { cursor });
    const found = result[list];
    if (Array.isArray(found)) entries.push(...found);
    cursor = result["nextCursor"];
    if (typeof cursor !== "string") break;
  }
  return entries;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
