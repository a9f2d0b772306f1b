// Sets the colours before anything is painted: a script of its own, since a module would run too late.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  let chosen = null;
  try {
    chosen = localStorage.getItem("longspan-theme");
  } catch {
    // Storage is forbidden: the system decides.
  }
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
})();
