// The waterfall as time goes: open spans grow, the scale adapts, and marks are reached by keys.

import * as clock from "./clock.js";

const ROOM = 1.03; // beside what is open, as api/waterfall.py has it
const NARROWEST = 0.0015; // of the extent: even what took no time can be seen
const LAST_TICK = 0.94; // of the extent: a later one would be cut off

const find = () => document.getElementById("waterfall");
const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
tip.setAttribute("aria-hidden", "true");
document.body.append(tip);

/** Put everything where it belongs at a time of the server. Whether the ticks still reach as far as the bars do. */
export function scale(now_ms) {
  const waterfall = find();
  if (waterfall?.dataset.open !== "true") return true;
  const reached = Math.max(now_ms - waterfall.dataset.origin, waterfall.dataset.extent / ROOM);
  const extent = reached * ROOM;
  const place = (at) => `${((at / extent) * 100).toFixed(4)}%`;
  let last = 0;
  for (const tick of waterfall.querySelectorAll(".tick")) {
    last = Number(tick.dataset.at);
    tick.setAttribute("x", place(last));
    tick.setAttribute("visibility", last / extent > LAST_TICK ? "hidden" : "visible");
  }
  for (const bar of waterfall.querySelectorAll(".bar[data-at]")) {
    const until = "growing" in bar.dataset ? reached : Number(bar.dataset.until);
    bar.setAttribute("x", place(bar.dataset.at));
    bar.setAttribute("width", place(Math.max(until - bar.dataset.at, extent * NARROWEST)));
  }
  for (const end of waterfall.querySelectorAll("[data-tip]")) end.setAttribute("x", place(reached));
  for (const mark of waterfall.querySelectorAll(".mark")) mark.setAttribute("x", place(mark.dataset.at));
  for (const took of waterfall.querySelectorAll("[data-since]")) {
    const text = clock.length(reached - took.dataset.since);
    if (took.textContent !== text) took.textContent = text;
  }
  return last >= extent * 0.6;
}

/** How long until the next look at the scale: what has begun just now grows before one's eyes. */
export function patience_ms() {
  const waterfall = find();
  return waterfall?.dataset.open === "true" && waterfall.dataset.extent < 120_000 ? 100 : 1_000;
}

/** Let keys move along marks, and tell of them; `pick` is given the index of an event that is chosen. */
export function listen(part, pick) {
  part.addEventListener("keydown", (event) => {
    const mark = event.target.closest(".mark > g");
    if (!mark) return;
    const next = choose(mark, event.key);
    if (next) focus(next);
    else if (event.key === "Enter" || event.key === " ") pick(mark.dataset.event);
    else return;
    event.preventDefault();
  });
  part.addEventListener("click", (event) => {
    const mark = event.target.closest(".mark > g");
    if (mark) pick(mark.dataset.event);
  });
  for (const kind of ["focusin", "pointerover"]) part.addEventListener(kind, (event) => tell(event.target.closest(".mark > g")));
  for (const kind of ["focusout", "pointerout"]) part.addEventListener(kind, () => (tip.hidden = true));
}

function choose(mark, key) {
  const rows = [...document.querySelectorAll("#rows > .span")].filter((row) => row.querySelector(".mark"));
  const row = mark.closest(".span");
  const marks = [...row.querySelectorAll(".mark > g")];
  const at = marks.indexOf(mark);
  if (key === "ArrowRight") return marks[at + 1];
  if (key === "ArrowLeft") return marks[at - 1];
  if (key === "Home") return marks[0];
  if (key === "End") return marks.at(-1);
  const step = { ArrowDown: 1, ArrowUp: -1 }[key];
  const other = step && rows[rows.indexOf(row) + step];
  return other && nearest(other, Number(mark.parentNode.dataset.at));
}

function nearest(row, at) {
  const marks = [...row.querySelectorAll(".mark > g")];
  const distance = (mark) => Math.abs(mark.parentNode.dataset.at - at);
  return marks.reduce((best, mark) => (distance(mark) < distance(best) ? mark : best));
}

function focus(mark) {
  for (const other of document.querySelectorAll('.mark > g[tabindex="0"]')) other.setAttribute("tabindex", "-1");
  mark.setAttribute("tabindex", "0");
  mark.focus();
}

/** Exactly one mark is reached by Tab. */
export function keepReachable() {
  const marks = [...document.querySelectorAll(".mark > g")];
  const reachable = marks.filter((mark) => mark.getAttribute("tabindex") === "0");
  for (const other of reachable.slice(1)) other.setAttribute("tabindex", "-1");
  if (!reachable.length) marks[0]?.setAttribute("tabindex", "0");
}

function tell(mark) {
  tip.hidden = !mark;
  if (!mark) return;
  const [name, result, ...rest] = mark.getAttribute("aria-label").split(", ");
  const title = document.createElement("strong");
  title.textContent = name;
  const what = document.createElement("span");
  what.className = "result";
  what.dataset.result = result;
  what.textContent = result;
  const when = document.createElement("span");
  when.textContent = rest.join(", ");
  tip.replaceChildren(title, what, when);
  const place = mark.getBoundingClientRect();
  const left = Math.min(Math.max(place.left + place.width / 2 - tip.offsetWidth / 2, 8), innerWidth - tip.offsetWidth - 8);
  const above = place.top - tip.offsetHeight - 6;
  tip.style.setProperty("left", `${left}px`);
  tip.style.setProperty("top", `${above > 4 ? above : place.bottom + 6}px`);
}
