// Rows of the list: written from what GET /watch says, in the slots that templates/row.html has.

import * as clock from "./clock.js";

const MOST_ATTRIBUTES = 6;
const LONGEST_TEXT = 60;

const blank = document.getElementById("blank");
let paths = {};

/** Take the main paths of machines, by `name@version`: how far along a workflow is follows from them. */
export function setPaths(known) {
  paths = known;
}

/** A row for a workflow that was not on the page. */
export function make(workflow) {
  const row = blank.content.querySelector("tr").cloneNode(true);
  row.dataset.id = workflow.id;
  fill(row, workflow);
  return row;
}

/** Write a workflow into a row; whether its status or its states are others than before. */
export function fill(row, workflow) {
  const slot = (name) => row.querySelector(`[data-slot="${name}"]`);
  const leaves = findLeaves(workflow.states);
  const since = leaves.length ? workflow.states[leaves[0]] : null;
  const before = slot("status").textContent + slot("states").textContent;

  row.dataset.order = ms(workflow.started_at) || 0;
  const status = slot("status");
  status.dataset.status = status.textContent = workflow.status;
  status.title = workflow.reason ?? "";
  slot("id").textContent = workflow.id;
  slot("id").href = `/ui/workflows/${encodeURIComponent(workflow.id)}`;
  slot("machine").textContent = workflow.machine ?? "";
  slot("version").textContent = workflow.version ? `v${workflow.version}` : "";
  slot("states").replaceChildren(...writeStates(leaves));
  slot("states").title = leaves.length > 1 ? leaves.join(" ") : "";
  writeTime(slot("since"), since, since && `since ${since}`);
  setOrRemove(slot("since"), "from", since && ms(since));
  writeProgress(slot("progress"), workflow, leaves);
  const due = Object.values(workflow.deadlines).reduce((a, b) => (a && ms(a) <= ms(b) ? a : b), null);
  writeTime(slot("due"), due, due);
  setOrRemove(slot("due"), "due", due && ms(due));
  const attributes = Object.entries(workflow.attributes).filter(([, value]) => value !== null);
  slot("attributes").replaceChildren(...attributes.slice(0, MOST_ATTRIBUTES).map(writeAttribute));
  const started = workflow.started_at;
  writeTime(slot("started"), started, started);
  slot("started").textContent = started ? `${started.slice(5, 10)} ${started.slice(11, 19)}` : "";
  setOrRemove(slot("took"), "from", started && !workflow.ended_at && ms(started));
  slot("took").textContent = workflow.ended_at ? clock.length(ms(workflow.ended_at) - ms(started)) : "";
  tick(row, clock.now());
  return before !== slot("status").textContent + slot("states").textContent;
}

/** Let time pass in everything inside an element that shows some. */
export function tick(element, now_ms) {
  for (const cell of element.querySelectorAll("[data-from]")) write(cell, clock.length(now_ms - cell.dataset.from));
  for (const cell of element.querySelectorAll('[data-slot="due"]')) {
    const left_ms = cell.dataset.due - now_ms;
    const late = left_ms <= 0;
    cell.classList.toggle("late", late);
    if (!cell.dataset.due) write(cell, "");
    else write(cell, late ? `${clock.length(-left_ms)} overdue` : `in ${clock.length(left_ms)}`);
  }
}

/** The innermost active states, the one entered last first. */
function findLeaves(states) {
  const active = Object.keys(states);
  const leaves = active.filter((path) => !active.some((other) => other.startsWith(`${path}.`)));
  return leaves.sort((a, b) => ms(states[b]) - ms(states[a]));
}

function findStep(path, leaves, status) {
  if (status === "ok" && path.length) return path.length;
  return path.findLastIndex((station) => leaves.some((leaf) => leaf === station || leaf.startsWith(`${station}.`)));
}

function writeStates([path, ...others]) {
  if (!path) return [];
  const cut = path.lastIndexOf(".") + 1;
  const last = build("span", "state", build("span", "around", path.slice(0, cut)), path.slice(cut));
  return others.length ? [last, build("span", "others", `+${others.length}`)] : [last];
}

function writeAttribute([name, value]) {
  const texts = [value].flat(Infinity).filter((one) => one !== null);
  const text = texts.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join(", ");
  const shown = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 1)}…` : text;
  return build("span", "attribute", build("span", "muted", `${name}=`), shown);
}

function writeProgress(slot, workflow, leaves) {
  const path = paths[`${workflow.machine}@${workflow.version}`] ?? [];
  const step = findStep(path, leaves, workflow.status);
  slot.hidden = step < 0;
  if (step < 0) return;
  const bar = slot.querySelector("progress");
  bar.max = path.length;
  bar.value = step;
  slot.lastElementChild.textContent = `${step}/${path.length}`;
}

function writeTime(cell, instant, title) {
  if (instant) cell.dateTime = instant;
  else cell.removeAttribute("datetime");
  cell.title = title ?? "";
  if (!instant) cell.textContent = "";
}

function setOrRemove(cell, name, value) {
  if (value) cell.dataset[name] = value;
  else delete cell.dataset[name];
}

function write(cell, text) {
  if (cell.textContent !== text) cell.textContent = text;
}

function ms(instant) {
  return Date.parse(instant);
}

function build(tag, name, ...inside) {
  const element = document.createElement(tag);
  element.className = name;
  element.append(...inside);
  return element;
}
