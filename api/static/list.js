// The list of workflows: filters without leaving the page, rows that change while one looks, keys to go along them.

import * as clock from "./clock.js";
import { isTyping } from "./frame.js";
import { follow } from "./live.js";
import * as rows from "./rows.js";

const MOST_ROWS = 200;
const MOST_WAITING = 1_000; // changes that came while the page was hidden

const form = document.getElementById("filters");
const waiting = new Map();
let scheduled = false;
let stop = null;
let loading = null;

const list = () => document.getElementById("workflows");
const body = () => document.getElementById("rows");
const find = (id) => body().querySelector(`tr[data-id="${CSS.escape(id)}"]`);

function watch() {
  stop?.();
  const only = list().dataset.only;
  stop = follow(
    list().dataset.watch,
    list().dataset.seen,
    {
      workflow: (workflow) => (only && !find(workflow.id) ? null : note(workflow.id, workflow)),
      removed: ({ id }) => note(id, null),
    },
    () => load(location.href),
  );
}

function note(id, workflow) {
  waiting.set(id, workflow);
  if (waiting.size > MOST_WAITING) waiting.delete(waiting.keys().next().value);
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(apply);
}

function apply() {
  scheduled = false;
  for (const [id, workflow] of waiting) {
    const row = find(id);
    if (workflow === null) row && take(row);
    else if (row) {
      if (rows.fill(row, workflow)) flash(row);
      place(row);
    } else if (list().dataset.first === "true") {
      const added = rows.make(workflow);
      place(added);
      flash(added);
    }
  }
  waiting.clear();
  trim();
  const any = body().rows.length > 0;
  list().querySelector(".table").hidden = !any;
  document.getElementById("empty").hidden = any;
}

/** Put a row where it belongs: the newest start first, or, in the list of a state, what entered it last. */
function place(row) {
  const order = Number(row.dataset.order);
  const first = list().dataset.state && !row.isConnected ? body().firstElementChild : null;
  const settled = follows(row.previousElementSibling, order, 1) && follows(row.nextElementSibling, order, -1);
  if (row.isConnected && settled) return;
  const focused = row.contains(document.activeElement) ? document.activeElement : null;
  const behind = first ?? [...body().rows].find((other) => other !== row && Number(other.dataset.order) < order);
  body().insertBefore(row, behind ?? null);
  focused?.focus({ preventScroll: true });
}

function follows(neighbour, order, sign) {
  return !neighbour || list().dataset.state || (Number(neighbour.dataset.order) - order) * sign >= 0;
}

function take(row) {
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  if (row.contains(document.activeElement)) neighbour?.querySelector("a").focus();
  row.remove();
}

/** Bound the page: rows that fall off its end are found again by loading it anew. */
function trim() {
  if (body().rows.length <= MOST_ROWS) return;
  while (body().rows.length > MOST_ROWS) take(body().lastElementChild);
  const older = document.getElementById("older");
  if (older) older.textContent = "Load again, for older ones";
  older?.setAttribute("href", location.href);
}

function flash(row) {
  row.classList.remove("changed");
  void row.offsetWidth; // begins the animation anew
  row.classList.add("changed");
}

/** Show another address of the list, or this one as it is now, without losing the place. */
async function load(url, push = false) {
  loading?.abort();
  loading = new AbortController();
  let text;
  try {
    const answer = await fetch(url, { signal: loading.signal });
    text = await answer.text();
    url = answer.url;
    if (!answer.headers.get("content-type")?.startsWith("text/html")) throw new TypeError(answer.statusText);
  } catch (error) {
    if (error.name !== "AbortError" && push) location.assign(url); // the browser says what is wrong
    return;
  }
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const place = document.activeElement?.closest("tr")?.dataset.id;
  const watched = list().dataset.watch + list().dataset.only;
  clock.set(Number(fresh.body.dataset.nowMs));
  waiting.clear();
  list().replaceWith(fresh.getElementById("workflows"));
  document.getElementById("statuses").replaceWith(fresh.getElementById("statuses"));
  document.getElementById("states").replaceChildren(...fresh.getElementById("states").children);
  document.getElementById("clear").hidden = fresh.getElementById("clear").hidden;
  if (push) history.pushState(null, "", url);
  if (!form.contains(document.activeElement)) form.replaceChildren(...fresh.getElementById("filters").children);
  if (place) find(place)?.querySelector("a").focus({ preventScroll: true });
  if (watched !== list().dataset.watch + list().dataset.only) watch();
}

function submit() {
  const query = new URLSearchParams();
  const asked = new URLSearchParams(location.search);
  if (asked.has("status")) query.set("status", asked.get("status"));
  for (const [name, value] of new FormData(form)) if (value && name !== "status") query.append(name, value);
  load(`/?${query}`, true);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
form.addEventListener("change", submit);
addEventListener("popstate", () => {
  document.activeElement?.blur(); // so that the fields show what the address says
  load(location.href);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("#statuses a, .pages a, #clear, #empty a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  load(link.href, true);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("#rows tr")?.querySelector("a");
  if (link && !event.target.closest("a") && getSelection().isCollapsed) link.click();
});

document.addEventListener("keydown", (event) => {
  if (isTyping(event)) return;
  const row = document.activeElement?.closest("#rows tr");
  const step = { j: 1, k: -1, ArrowDown: row ? 1 : 0, ArrowUp: row ? -1 : 0 }[event.key];
  if (!step) return;
  const next = row ? (step > 0 ? row.nextElementSibling : row.previousElementSibling) : body().firstElementChild;
  if (!next) return;
  event.preventDefault();
  next.querySelector("a").focus();
});

setInterval(() => document.hidden || rows.tick(body(), clock.now()), 1_000);
document.addEventListener("visibilitychange", () => document.hidden || rows.tick(body(), clock.now()));

const answer = await fetch("/ui/main-paths");
if (answer.ok) rows.setPaths(await answer.json());
watch();
