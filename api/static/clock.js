// The server's time in the browser, and lengths of time as text: the same text as machines/durations.py writes.

const begun = performance.getEntriesByType("navigation")[0]?.responseStart ?? 0;
let ahead_ms = Number(document.body.dataset.nowMs) - (Date.now() - (performance.now() - begun));

/** The server's time, ms since the epoch: the own clock counts, however wrong it is. */
export function now() {
  return Date.now() + ahead_ms;
}

/** Take the server's word for what time it is. */
export function set(server_ms) {
  ahead_ms = server_ms - Date.now();
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

/** A length of time in its two largest units, such as `4h 12m`, in whole seconds. */
export function length(ms) {
  let rest = Math.max(ms, 0);
  const parts = [];
  for (const [name, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest %= size;
    if (count) parts.push(`${count}${name}`);
  }
  return parts.slice(0, 2).join(" ") || "0s";
}
