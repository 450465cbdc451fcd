// The page in the browser: asks how far the runner is, shows what the server offers, and calls a tool where that is
// allowed. Every text of an image or a server becomes a text node, never markup.

const STATUS = "/_runner/status";
const SOON_MS = 1000;
const LATER_MS = 15000;
const REVISION = "2025-11-25";

const STAGES = {
  validate: "Reading the settings",
  authenticate: "Signing in to the registry",
  "fetch-config": "Asking the registry for the image",
  extract: "Pulling and unpacking the image",
  "drop-privileges": "Giving the files to the server",
  execute: "Starting the server",
};
const STATES = {
  starting: "Starting",
  serving: "Running",
  failing: "Not answering",
  failed: "Failed",
  closing: "Ending",
};

let token = "";
let shown = "";

const byId = (id) => document.getElementById(id);

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

async function refresh() {
  let next = LATER_MS;
  try {
    const response = await fetch(STATUS, { headers: authorization(), cache: "no-store" });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const status = await response.json();
    show(status);
    if (status.state !== "serving") next = SOON_MS;
  } catch {
    byId("state").textContent = "Not reachable";
    byId("state").dataset.state = "failing";
    next = SOON_MS;
  }
  setTimeout(refresh, next);
}

function authorization() {
  return token === "" ? {} : { authorization: `Bearer ${token}` };
}

function show(status) {
  const { state, stage, progress, failure, reason } = status;
  byId("state").textContent = reason ? `${STATES[state]}: ${reason}` : STATES[state];
  byId("state").dataset.state = state;
  byId("starting").hidden = state !== "starting";
  if (state === "starting") showProgress(stage, progress);
  byId("failure").hidden = state !== "failed";
  if (failure) {
    byId("failure-message").textContent = `${failure.message} [${failure.code}]`;
    byId("failure-hint").textContent = failure.hint;
  }
  const text = JSON.stringify(status.server ?? status.image ?? "") + status.locked;
  if (text === shown) return;
  shown = text;
  showServer(status);
}

function showProgress(stage, progress) {
  byId("stage").textContent = STAGES[stage] ?? stage;
  const bar = byId("progress");
  bar.hidden = !progress;
  byId("amount").textContent = "";
  if (!progress) return;
  bar.max = Math.max(progress.totalBytes, 1);
  bar.value = progress.receivedBytes;
  byId("amount").textContent =
    `${megabytes(progress.receivedBytes)} of ${megabytes(progress.totalBytes)} MB, ` +
    `${progress.layersDone} of ${progress.layers} layers`;
}

const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

function showServer({ image, digest, way, server, locked, open, calls, endpoint }) {
  const name = server?.name || image || "MCP server";
  byId("name").textContent = name;
  document.title = name;
  byId("open-to-all").hidden = !open;
  byId("token-form").hidden = !locked;
  const facts = {
    Image: image,
    Digest: digest,
    Version: server?.version,
    Protocol: server?.protocolVersions?.join(", "),
    Reached: way,
  };
  byId("facts").replaceChildren(
    ...Object.entries(facts).flatMap(([term, value]) =>
      value ? [element("dt", { textContent: term }), element("dd", { textContent: value })] : [],
    ),
  );
  byId("instructions").textContent = server?.instructions ?? "";
  byId("connect").hidden = !server;
  if (server) showClients(name, new URL(endpoint, location.href).href, !open);
  showList("tools", server?.tools, (tool) => toolDetails(tool, { calls, endpoint }));
  showList("resources", server?.resources, plainDetails);
  showList("prompts", server?.prompts, plainDetails);
}

function showList(id, entries = [], render) {
  const section = byId(id);
  section.hidden = entries.length === 0;
  section.replaceChildren(section.firstElementChild, ...entries.map(render));
}

function plainDetails(entry) {
  const details = element("details", {}, summaryOf(entry));
  if (entry.uri) details.append(element("p", {}, element("code", { textContent: entry.uri })));
  if (entry.arguments?.length) {
    const schema = { properties: {}, required: [] };
    for (const { name, description, required } of entry.arguments) {
      schema.properties[name] = { description };
      if (required) schema.required.push(name);
    }
    details.append(argumentTable(schema));
  }
  return details;
}

function summaryOf({ name, title, description }) {
  const summary = element("summary", {}, element("strong", { textContent: title || name }));
  const text = (description ?? "").split("\n", 1)[0];
  if (text) summary.append(" ", element("span", { className: "quiet", textContent: text }));
  return summary;
}

function toolDetails(tool, { calls, endpoint }) {
  const details = element("details", {}, summaryOf(tool));
  if ((tool.description ?? "").includes("\n")) {
    details.append(element("pre", { textContent: tool.description }));
  }
  details.append(element("p", {}, "Name: ", element("code", { textContent: tool.name })));
  const schema = tool.inputSchema ?? {};
  const properties = Object.keys(schema.properties ?? {});
  if (properties.length === 0)
    details.append(element("p", { textContent: "It takes no arguments." }));
  else if (!calls) details.append(argumentTable(schema));
  if (calls) details.append(callForm(tool, endpoint));
  return details;
}

function argumentTable({ properties = {}, required = [] }) {
  const rows = Object.entries(properties).map(([name, schema]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, element("code", { textContent: name })),
      element("td", {
        className: "quiet",
        textContent: typeOf(schema) + (required.includes(name) ? ", required" : ""),
      }),
      element("td", { textContent: schema?.description ?? "" }),
    ),
  );
  return element("table", {}, element("tbody", {}, ...rows));
}

function typeOf(schema) {
  if (Array.isArray(schema?.enum)) return schema.enum.join(" | ");
  return String(schema?.type ?? "any");
}

function callForm(tool, endpoint) {
  const schema = tool.inputSchema ?? {};
  const required = schema.required ?? [];
  const form = element("form");
  const fields = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const id = `${tool.name}-${name}`;
    const field = fieldFor(property ?? {});
    field.id = id;
    if (field.type !== "checkbox") field.required = required.includes(name);
    const about = property?.description ? ` – ${property.description}` : "";
    form.append(
      element(
        "label",
        { htmlFor: id },
        element("code", { textContent: name }),
        `${about} (${typeOf(property)})`,
      ),
      field,
    );
    return { name, property: property ?? {}, field };
  });
  const result = element("pre", { hidden: true, tabIndex: 0 });
  result.setAttribute("aria-live", "polite");
  const button = element("button", { textContent: "Call" });
  form.append(element("p", {}, button), result);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    result.hidden = false;
    result.textContent = "Calling…";
    try {
      result.textContent = resultText(await callTool(endpoint, tool.name, argumentsOf(fields)));
    } catch (error) {
      result.textContent = `It failed: ${error.message}`;
    }
    button.disabled = false;
  });
  return form;
}

function fieldFor(schema) {
  if (Array.isArray(schema.enum)) {
    const options = ["", ...schema.enum].map((value) =>
      element("option", { value, textContent: value }),
    );
    return element("select", {}, ...options);
  }
  if (schema.type === "boolean")
    return element("input", { type: "checkbox", checked: schema.default === true });
  if (schema.type === "number" || schema.type === "integer") {
    return element("input", {
      type: "number",
      step: schema.type === "integer" ? 1 : "any",
      value: schema.default ?? "",
    });
  }
  if (schema.type === "string")
    return element("input", { type: "text", value: schema.default ?? "" });
  return element("textarea", {
    rows: 3,
    placeholder: "JSON",
    value: schema.default === undefined ? "" : JSON.stringify(schema.default),
  });
}

function argumentsOf(fields) {
  const values = {};
  for (const { name, property, field } of fields) {
    if (field.type === "checkbox") values[name] = field.checked;
    else if (field.value !== "") values[name] = valueOf(property, field.value, name);
  }
  return values;
}

function valueOf(schema, text, name) {
  if (schema.type === "string") return text;
  if (schema.type === "number" || schema.type === "integer") return Number(text);
  if (Array.isArray(schema.enum)) return schema.enum.find((value) => String(value) === text);
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${name} is not JSON`);
  }
}

async function callTool(endpoint, name, args) {
  const headers = {
    ...authorization(),
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };
  const post = async (message) => {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    const response = await fetch(endpoint, { method: "POST", headers, body });
    if (!headers["mcp-session-id"] && response.headers.has("mcp-session-id")) {
      headers["mcp-session-id"] = response.headers.get("mcp-session-id");
    }
    return message.id === undefined ? undefined : answerIn(await response.text(), message.id);
  };
  try {
    const clientInfo = { name: "fastmcp-runner-page", version: "1" };
    const params = { protocolVersion: REVISION, capabilities: {}, clientInfo };
    const greeting = await post({ id: 1, method: "initialize", params });
    headers["mcp-protocol-version"] = greeting.protocolVersion;
    await post({ method: "notifications/initialized" });
    return await post({ id: 2, method: "tools/call", params: { name, arguments: args } });
  } finally {
    if (headers["mcp-session-id"]) await fetch(endpoint, { method: "DELETE", headers });
  }
}

function answerIn(text, id) {
  const texts = text.startsWith("{")
    ? [text]
    : text
        .split(/\r?\n/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5));
  for (const candidate of texts) {
    if (candidate.trim() === "") continue;
    const message = JSON.parse(candidate);
    if (message.error && (message.id === id || message.id === null))
      throw new Error(message.error.message);
    if (message.id === id && "result" in message) return message.result;
  }
  throw new Error("there was no answer");
}

function resultText(result) {
  const parts = (result.content ?? []).map((part) =>
    part.type === "text" ? part.text : JSON.stringify(part, null, 2),
  );
  const text = parts.length > 0 ? parts.join("\n") : JSON.stringify(result, null, 2);
  return result.isError ? `The tool says that it failed:\n${text}` : text;
}

function showClients(name, url, guarded) {
  const id =
    name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "") || "server";
  const bearer = "Bearer YOUR_TOKEN";
  const headers = guarded ? { headers: { Authorization: bearer } } : {};
  const json = (value) => JSON.stringify(value, null, 2);
  const remote = [
    "-y",
    "mcp-remote",
    url,
    ...(guarded ? ["--header", `Authorization:${bearer}`] : []),
  ];
  const configurations = {
    Address: url,
    "Claude Code": `claude mcp add --transport http ${id} ${url}${guarded ? ` --header "Authorization: ${bearer}"` : ""}`,
    "Claude Desktop": json({ mcpServers: { [id]: { command: "npx", args: remote } } }),
    Cursor: json({ mcpServers: { [id]: { url, ...headers } } }),
    "VS Code": json({ servers: { [id]: { type: "http", url, ...headers } } }),
    Codex: `[mcp_servers.${id}]\nurl = "${url}"${guarded ? '\nbearer_token_env_var = "MCP_TOKEN"' : ""}`,
  };
  byId("clients").replaceChildren(
    ...Object.entries(configurations).map(([client, text]) => {
      const copy = element("button", { type: "button", textContent: "Copy" });
      copy.addEventListener("click", async () => {
        await navigator.clipboard.writeText(text);
        copy.textContent = "Copied";
      });
      copy.setAttribute("aria-label", `Copy the configuration for ${client}`);
      return element(
        "details",
        { open: client === "Address" },
        element("summary", { textContent: client }),
        element("pre", { textContent: text, tabIndex: 0 }),
        copy,
      );
    }),
  );
}

byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value;
  fetch(STATUS, { headers: authorization() }).then(async (response) => {
    const status = await response.json();
    byId("token-problem").textContent = status.locked ? "That is not the token." : "";
    show(status);
  });
});

refresh();
