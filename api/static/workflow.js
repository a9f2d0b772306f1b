// The page of one workflow: follows its events, and asks the server for the parts that have changed.

import * as clock from "./clock.js";
import { isTyping } from "./frame.js";
import { follow } from "./live.js";
import { morph } from "./morph.js";
import { tick } from "./rows.js";
import * as waterfall from "./waterfall.js";

const AGAIN_MS = 40; // at most so often are parts asked for

const page = document.getElementById("workflow");
const parts = document.getElementById("parts");
const { watch, refresh } = page.dataset;
let picked = /^#event-(\d+)$/.exec(location.hash)?.[1] ?? "";
let asking = null;
let again = false;

/** Ask for the parts; while an answer is on its way, once more after it. */
function update() {
  again = asking !== null;
  asking ??= load().finally(() => {
    setTimeout(() => {
      asking = null;
      if (again) update();
    }, AGAIN_MS);
  });
  return asking;
}

async function load() {
  let fresh;
  try {
    const answer = await fetch(refresh);
    if (!answer.ok) return;
    fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
  } catch {
    return; // the stream tells when the connection is back
  }
  const told = fresh.querySelector("#head");
  clock.set(Number(told.dataset.now));
  for (const part of [...fresh.children]) {
    const old = document.getElementById(part.id);
    if (old) morph(old, part);
    else parts.append(document.importNode(part, true));
  }
  light(JSON.parse(told.dataset.lights));
  show();
  pass();
}

function light(lights) {
  for (const state of document.querySelectorAll(".chart [data-state]")) {
    const lit = lights[state.dataset.state];
    if (lit) state.dataset.lit = lit;
    else delete state.dataset.lit;
  }
}

/** Let time pass. */
function pass() {
  const now_ms = clock.now();
  tick(parts, now_ms);
  if (!waterfall.scale(now_ms)) update();
}

/** Show which event is picked: in the journal, its marks, and the spans that they are on. */
function show() {
  waterfall.keepReachable();
  for (const before of document.querySelectorAll("[data-selected]")) delete before.dataset.selected;
  if (!picked) return;
  const row = document.getElementById(`event-${picked}`);
  for (const mark of document.querySelectorAll(`.mark > g[data-event="${picked}"]`)) {
    mark.dataset.selected = "";
    mark.closest(".span").dataset.selected = "";
  }
  if (row) row.dataset.selected = "";
}

function pick(index) {
  picked = index === picked ? "" : index;
  history.replaceState(null, "", picked ? `#event-${picked}` : location.pathname + location.search);
  show();
  if (picked) document.getElementById(`event-${picked}`)?.scrollIntoView({ block: "nearest" });
}

parts.addEventListener("click", async (event) => {
  const link = event.target.closest("a.pick");
  if (link) {
    event.preventDefault();
    pick(link.hash.slice("#event-".length));
    document.querySelector(".span[data-selected]")?.scrollIntoView({ block: "nearest" });
  }
  const button = event.target.closest("#copy");
  if (button) {
    const code = document.getElementById("trace");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code); // without a secure address: the own keys copy it
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 2_000);
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && picked && !isTyping(event)) pick(picked);
});
addEventListener("hashchange", () => {
  picked = /^#event-(\d+)$/.exec(location.hash)?.[1] ?? "";
  show();
});

function beat() {
  if (!document.hidden) pass();
  setTimeout(beat, waterfall.patience_ms());
}

waterfall.listen(parts, pick);
show();
if (watch) follow(watch, null, { event: update, workflow: update }, update);
beat();
