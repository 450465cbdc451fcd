// What the page tells of a server: from what the server says of itself, which may be of any type and size, to a few
// texts and lists that can be shown without a thought. Knows no HTTP and nothing of a browser.

import { isMembers, type Members } from "../rpc/envelope.ts";
import type { Catalogue } from "../status.ts";
import { type Argument, argumentsOfPrompt, argumentsOfSchema } from "./arguments.ts";
import { longText, nameText } from "./shown-text.ts";

export interface Description {
  readonly name: string;
  readonly version: string;
  readonly protocol: string;
  readonly instructions: string;
  readonly tools: Offers;
  readonly resources: Offers;
  readonly prompts: Offers;
}

export interface Offers {
  readonly shown: readonly Offer[];
  /** How many there are besides: unreadable ones, and those for which there is no room. */
  readonly more: number;
}

export interface Offer {
  /** As the server wants to be asked for it: whatever characters it has. */
  readonly unsafeName: string;
  readonly name: string;
  readonly title: string;
  readonly about: string;
  /** Of a resource. */
  readonly uri: string;
  readonly arguments: readonly Argument[];
}

const MAX_OFFERS = 500;
/** Of all lists together, as JSON. */
const MAX_CHARACTERS = 1_000_000;

/** Describes the server in texts that repaint nothing and lists of a bounded size. */
export function describeServer(catalogue: Catalogue): Description {
  const room = { characters: MAX_CHARACTERS };
  return {
    name: nameText(catalogue.unsafeName),
    version: nameText(catalogue.unsafeVersion),
    protocol: catalogue.protocolVersions.map(nameText).join(", "),
    instructions: longText(catalogue.unsafeInstructions),
    tools: offers(catalogue.tools, room, ({ inputSchema }) => argumentsOfSchema(inputSchema)),
    resources: offers(catalogue.resources, room, () => []),
    prompts: offers(catalogue.prompts, room, (prompt) => argumentsOfPrompt(prompt["arguments"])),
  };
}

function offers(
  unsafeEntries: readonly unknown[],
  room: { characters: number },
  argumentsOf: (entry: Members) => readonly Argument[],
): Offers {
  const shown: Offer[] = [];
  for (const entry of unsafeEntries.slice(0, MAX_OFFERS)) {
    const offer = isMembers(entry) ? offerOf(entry, argumentsOf) : undefined;
    const size = JSON.stringify(offer)?.length ?? 0;
    if (offer === undefined || size > room.characters) continue;
    room.characters -= size;
    shown.push(offer);
  }
  return { shown, more: unsafeEntries.length - shown.length };
}

function offerOf(
  entry: Members,
  argumentsOf: (entry: Members) => readonly Argument[],
): Offer | undefined {
  const { name: unsafeName, title, annotations, description, uri } = entry;
  if (typeof unsafeName !== "string") return undefined;
  // Where tools had their title until 2025-06-18.
  const oldTitle = isMembers(annotations) ? annotations["title"] : undefined;
  return {
    unsafeName,
    name: nameText(unsafeName),
    title: nameText(title) || nameText(oldTitle),
    about: longText(description),
    uri: nameText(uri),
    arguments: argumentsOf(entry),
  };
}
