// How clients are told of this server: what each wants to read, and the button that copies it.

import { byId, element } from "./dom.js";

const TOKEN = "YOUR_TOKEN";

/** Shows the address, and the configuration for the chosen client. */
export function showConnection({ name, url, isOpen, isSse }) {
  byId("address").textContent = url;
  const clients = clientsFor({ id: idOf(name), url, isOpen, isSse });
  const choices = clients.map((client, index) => {
    const input = element("input", { type: "radio", name: "client", checked: index === 0 });
    input.addEventListener("change", () => showClient(client));
    return element("label", {}, input, client.label);
  });
  byId("clients").replaceChildren(...choices);
  showClient(clients[0]);
}

/** Makes the button copy the text of the element. */
export function copies(button, source) {
  button.addEventListener("click", async () => {
    button.textContent = (await copy(source)) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}

function showClient({ where, text }) {
  byId("where").textContent = where;
  byId("configuration").textContent = text;
}

// A page in a frame may not have the clipboard, and one without TLS has none.
async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}

/** What the server is called in a configuration. */
function idOf(name) {
  const id = name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return id.slice(0, 40).replace(/^-+|-+$/g, "") || "server";
}

function clientsFor({ id, url, isOpen, isSse }) {
  const type = isSse ? "sse" : "http";
  const headers = (value) => (isOpen ? {} : { headers: { Authorization: `Bearer ${value}` } });
  const command = `claude mcp add --transport ${type} ${id} ${url}`;
  const all = [
    {
      label: "Claude Code",
      where: "Run in a terminal:",
      text: isOpen ? command : `${command} --header "Authorization: Bearer ${TOKEN}"`,
    },
    {
      label: "Claude Desktop",
      where:
        "In claude_desktop_config.json (Settings, Developer, Edit Config), with Node.js installed:",
      text: json({ mcpServers: { [id]: bridgeTo(url, isOpen) } }),
    },
    {
      label: "Cursor",
      where: "In ~/.cursor/mcp.json:",
      text: json({ mcpServers: { [id]: { url, ...headers(TOKEN) } } }),
    },
    {
      label: "VS Code",
      where: "In .vscode/mcp.json:",
      text: json({
        ...(isOpen ? {} : { inputs: [tokenInput(id)] }),
        servers: { [id]: { type, url, ...headers("${input:token}") } },
      }),
    },
    {
      label: "Codex",
      where: isOpen
        ? "In ~/.codex/config.toml:"
        : "In ~/.codex/config.toml, with the token in the environment variable MCP_TOKEN:",
      text: `[mcp_servers.${id}]\nurl = "${url}"${isOpen ? "" : '\nbearer_token_env_var = "MCP_TOKEN"'}`,
    },
  ];
  return isSse ? all.filter(({ label }) => label !== "Codex") : all;
}

// Claude Desktop reads no addresses from its file, and on Windows it breaks arguments with a space.
// https://github.com/geelen/mcp-remote/blob/main/README.md#custom-headers
function bridgeTo(url, isOpen) {
  const isPlain = url.startsWith("http:") && !isLocal(new URL(url).hostname);
  const args = ["-y", "mcp-remote", url, ...(isPlain ? ["--allow-http"] : [])];
  if (isOpen) return { command: "npx", args };
  return {
    command: "npx",
    args: [...args, "--header", "Authorization:${AUTH_HEADER}"],
    env: { AUTH_HEADER: `Bearer ${TOKEN}` },
  };
}

function tokenInput(id) {
  return { type: "promptString", id: "token", description: `Token of ${id}`, password: true };
}

function json(value) {
  return JSON.stringify(value, null, 2);
}

/** Whether the name is this very machine's. */
export function isLocal(hostname) {
  return /^(localhost|.*\.localhost|127\.[0-9.]+|\[::1\])$/.test(hostname);
}
