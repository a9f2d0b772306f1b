// The frame: the choice of colours, and the keys that work on every page.

const CHOICES = ["system", "dark", "light"];
const NAMES = { system: "as the system", dark: "dark", light: "light" };

const root = document.documentElement;
const toggle = document.getElementById("theme");

function chosen() {
  return root.dataset.theme ?? "system";
}

function show() {
  toggle.dataset.choice = chosen();
  toggle.setAttribute("aria-label", `Colours: ${NAMES[chosen()]}`);
  toggle.title = toggle.getAttribute("aria-label");
}

toggle.addEventListener("click", () => {
  const next = CHOICES[(CHOICES.indexOf(chosen()) + 1) % CHOICES.length];
  if (next === "system") delete root.dataset.theme;
  else root.dataset.theme = next;
  try {
    if (next === "system") localStorage.removeItem("longspan-theme");
    else localStorage.setItem("longspan-theme", next);
  } catch {
    // Storage is forbidden: the choice lasts as long as the page.
  }
  show();
});
show();

/** Whether a key belongs to what has the focus, or to the browser. */
export function isTyping(event) {
  return (
    event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, [contenteditable]")
  );
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || isTyping(event)) return;
  const search = document.querySelector("[data-search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});
