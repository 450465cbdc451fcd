// What the server is and offers.

import { isLocal, showConnection } from "./connect.js";
import { byId, element, words } from "./dom.js";
import { callForm, termOf } from "./form.js";

/** What a line has room for on most screens. */
const LINE_LENGTH = 80;

/** `server` is absent until it has answered, and where the visitor has to show the token first. */
export function showServer(about, server) {
  const { image, locked, open, calls, endpoint, sse } = about;
  const name = server?.name || lastPartOf(image ?? "");
  document.title = name === "" ? "MCP server" : `${name} · MCP server`;
  byId("name").textContent = name || "MCP server";
  byId("open-to-all").hidden = !open || isLocal(location.hostname);
  byId("token-form").hidden = !locked;
  showFacts(about, server);
  byId("instructions").hidden = !server?.instructions;
  byId("instructions-text").textContent = server?.instructions ?? "";
  byId("connect").hidden = !server;
  const url = new URL(`.${endpoint}`, location.href).href;
  if (server) showConnection({ name, url, isOpen: open, isSse: sse });
  showOffers("tools", server?.tools, (tool) => toolDetails(tool, calls ? url : undefined));
  showOffers("resources", server?.resources, offerDetails);
  showOffers("prompts", server?.prompts, offerDetails);
}

/** Of ghcr.io/acme/weather:1.2, weather. */
function lastPartOf(image) {
  return image.split("/").at(-1).split(/[:@]/, 1)[0];
}

function showFacts({ image, digest, way }, server) {
  const facts = [
    ["Version", server?.version],
    ["Protocol", server?.protocol],
    ["Image", image],
    ["Digest", digest],
    ["Reached", way],
  ].filter(([, value]) => value);
  byId("facts").replaceChildren(
    ...facts.flatMap(([term, value]) => [element("dt", { textContent: term }), words("dd", value)]),
  );
  byId("facts").hidden = facts.length === 0;
}

function showOffers(id, { shown = [], more = 0 } = {}, detailsOf) {
  byId(id).hidden = shown.length + more === 0;
  byId(`${id}-count`).textContent = shown.length + more;
  byId(`${id}-more`).textContent = more > 0 ? `${more} more cannot be shown here.` : "";
  byId(`${id}-list`).replaceChildren(...shown.map(detailsOf));
}

function toolDetails(tool, callUrl) {
  if (callUrl === undefined) return offerDetails(tool);
  return element("details", {}, summaryOf(tool), ...aboutOf(tool), callForm(tool, callUrl));
}

function offerDetails(offer) {
  const parts = aboutOf(offer);
  if (offer.arguments.length > 0) parts.push(argumentList(offer.arguments));
  else if (parts.length === 0) parts.push(words("p", "It takes no arguments.", "quiet"));
  return element("details", {}, summaryOf(offer), ...parts);
}

function summaryOf({ name, title, about }) {
  const summary = element("summary", {}, words("strong", title || name));
  if (title && title !== name) summary.append(" ", words("code", name, "quiet"));
  const [line] = about.split("\n", 1);
  if (line) summary.append(words("span", line, isLong(about) ? "line quiet long" : "line quiet"));
  return summary;
}

/** What the summary has no room for. */
function aboutOf({ about, uri }) {
  const parts = isLong(about) ? [words("p", about, "about")] : [];
  if (uri) parts.push(element("p", {}, words("code", uri)));
  return parts;
}

function isLong(about) {
  return about.includes("\n") || about.length > LINE_LENGTH;
}

function argumentList(list) {
  const items = list.map((argument) => {
    const item = element("li", {}, ...termOf(argument));
    if (argument.about) item.append(words("p", argument.about, "about quiet"));
    return item;
  });
  return element("ul", { role: "list" }, ...items);
}
