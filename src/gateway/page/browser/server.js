// What the server is and offers.

import { isLocal, showConnection } from "./connect.js";
import { byId, element, words } from "./dom.js";
import { callForm } from "./form.js";

/** `server` is absent until it has answered, and where the visitor has to show the token first. */
export function showServer(about, server) {
  const { image, locked, open, calls, endpoint, sse } = about;
  const name = server?.name || image || "MCP server";
  document.title = name === "MCP server" ? name : `${name} · MCP server`;
  byId("name").textContent = name;
  byId("open-to-all").hidden = !open || isLocal(location.hostname);
  byId("token-form").hidden = !locked;
  showFacts(about, server);
  byId("instructions").hidden = !server?.instructions;
  byId("instructions").textContent = server?.instructions ?? "";
  byId("connect").hidden = !server;
  const url = new URL(`.${endpoint}`, location.href).href;
  if (server) showConnection({ name, url, isOpen: open, isSse: sse });
  showOffers("tools", server?.tools, (tool) => toolDetails(tool, calls ? url : undefined));
  showOffers("resources", server?.resources, offerDetails);
  showOffers("prompts", server?.prompts, offerDetails);
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
  if (offer.arguments.length > 0) parts.push(argumentTable(offer.arguments));
  else if (parts.length === 0) parts.push(words("p", "It takes no arguments.", "quiet"));
  return element("details", {}, summaryOf(offer), ...parts);
}

function summaryOf({ name, title, about }) {
  const summary = element("summary", {}, words("strong", title || name));
  if (title && title !== name) summary.append(" ", words("code", name, "quiet"));
  const [line] = about.split("\n", 1);
  if (line) summary.append(words("span", line, "line quiet"));
  return summary;
}

/** What the summary has no room for. */
function aboutOf({ about, uri }) {
  const parts = [];
  if (about.includes("\n") || about.length > 80) parts.push(words("p", about, "about"));
  if (uri) parts.push(element("p", {}, words("code", uri)));
  return parts;
}

function argumentTable(list) {
  const head = ["Argument", "Type", "Meaning"].map((text) =>
    element("th", { scope: "col", textContent: text }),
  );
  const rows = list.map(({ name, type, required, about }) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, words("code", name)),
      words("td", required ? type : `${type}, optional`, "quiet"),
      words("td", about, "about"),
    ),
  );
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...rows),
  );
}
