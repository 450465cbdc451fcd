// How far the runner is, and what went wrong.

import { byId, element, say } from "./dom.js";

const STAGES = {
  validate: "Reading the settings",
  authenticate: "Signing in to the registry",
  "fetch-config": "Asking for the image",
  extract: "Pulling and unpacking the image",
  "drop-privileges": "Preparing its files",
  execute: "Starting the server",
};

const STATES = {
  starting: "Starting",
  serving: "Running",
  failing: "Not answering",
  failed: "Failed",
  closing: "Ending",
  away: "Not reachable",
};

export function showState(state) {
  say("state", STATES[state] ?? state);
  byId("state").dataset.state = state;
}

export function showStart({ state, stage, progress }) {
  byId("starting").hidden = state !== "starting";
  if (state !== "starting") return;
  showStages(stage);
  const bar = byId("progress");
  bar.hidden = !progress;
  byId("amount").hidden = !progress;
  if (!progress) return;
  const { receivedBytes, totalBytes, layersDone, layers } = progress;
  bar.max = Math.max(totalBytes, 1);
  bar.value = receivedBytes;
  byId("amount").textContent =
    `${megabytes(receivedBytes)} of ${megabytes(totalBytes)} MB, ${layersDone} of ${layers} layers`;
}

export function showProblem({ state, reason, failure }) {
  byId("failure").hidden = state !== "failed" && !reason;
  say("failure-title", state === "failed" ? "The start failed" : "The server does not answer");
  say("failure-message", failure?.message ?? reason ?? "");
  say("failure-hint", failure?.hint ?? "");
  const stage = STAGES[failure?.stage]?.toLowerCase();
  say("failure-code", failure ? `${failure.code}${stage ? `, while ${stage}` : ""}` : "");
}

function showStages(current) {
  const list = byId("stages");
  if (list.dataset.current === current) return;
  list.dataset.current = current;
  const reached = Object.keys(STAGES).indexOf(current);
  const items = Object.values(STAGES).map((label, index) => {
    const item = element("li", { textContent: label });
    if (index < reached) item.className = "done";
    if (index === reached) item.setAttribute("aria-current", "step");
    return item;
  });
  list.replaceChildren(...items);
  say("step", STAGES[current] ?? current);
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}
