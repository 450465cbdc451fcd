// Asks how far the runner is, for as long as somebody looks, and shows what has changed.

import { authorization, useToken } from "./call.js";
import { copies } from "./connect.js";
import { byId, say } from "./dom.js";
import { showServer } from "./server.js";
import { showProblem, showStart, showState } from "./start.js";

const WAITS_MS = { starting: 500, serving: 15_000, failed: 15_000 };
const OTHER_WAIT_MS = 2000;

let timer;
/** What is on the page, as text. */
let shown = "";

async function refresh() {
  clearTimeout(timer);
  let state = "away";
  try {
    const status = await ask("_runner/status");
    state = status.state;
    showStart(status);
    showProblem(status);
    await showWhatChanged(status.about);
    return status;
  } catch {
    return undefined;
  } finally {
    showState(state);
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(refresh, WAITS_MS[state] ?? OTHER_WAIT_MS);
  }
}

async function showWhatChanged(about) {
  const text = JSON.stringify(about);
  if (text === shown) return;
  showServer(about, about.isDescribed ? await ask("_runner/server") : undefined);
  shown = text;
}

async function ask(path) {
  const response = await fetch(path, { headers: authorization(), cache: "no-store" });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return await response.json();
}

async function unlock(event) {
  event.preventDefault();
  const field = byId("token");
  useToken(/^[\x21-\x7e]+$/.test(field.value) ? field.value : "");
  const status = await refresh();
  say("token-problem", status?.about.locked ? "That is not the token." : "");
  if (status?.about.locked) useToken("");
  if (!status || status.about.locked) return field.select();
  field.value = "";
  byId("name").focus();
}

byId("token-form").addEventListener("submit", unlock);
for (const button of document.querySelectorAll("[data-copies]")) {
  copies(button, byId(button.dataset.copies));
}
document.addEventListener("visibilitychange", () => document.hidden || refresh());
void refresh();
