// Keyboard shortcuts. Single keys can be switched off in the help sheet (WCAG 2.1.4).
import { openPalette } from "./palette.js";

const STORE = "caiso-single-keys";
let waitingForPage = false;

const typing = (node) => node?.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
const singleKeys = () => localStorage.getItem(STORE) !== "off";

function moveRow(step) {
  const rows = [...document.querySelectorAll(".rows tbody tr")];
  if (!rows.length) return;
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  const row = rows[Math.min(rows.length - 1, Math.max(0, here + step))];
  (row.querySelector("a.cell-title") ?? row.querySelector("a, input"))?.focus();
}

function press(key) {
  if (waitingForPage) {
    waitingForPage = false;
    document.querySelector(`.side [data-key="${CSS.escape(key)}"]`)?.click();
    return true;
  }
  const row = document.activeElement?.closest?.(".rows tbody tr");
  switch (key) {
    case "?": document.getElementById("key-help")?.showModal(); return true;
    case "/": (document.querySelector(".register-search input") ?? document.querySelector("[data-palette] input"))?.focus(); return true;
    case "g": waitingForPage = true; setTimeout(() => { waitingForPage = false; }, 1500); return true;
    case "j": moveRow(1); return true;
    case "k": moveRow(-1); return true;
    case "x": row?.querySelector(".tickbox")?.click(); return Boolean(row);
    case "n": { const link = document.querySelector("a[data-new]"); link?.click(); return Boolean(link); }
    default: return false;
  }
}

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]") || !singleKeys()) return;
    if (press(event.key)) event.preventDefault();
  });
  const box = document.getElementById("single-keys");
  if (!box) return;
  box.checked = singleKeys();
  box.addEventListener("change", () => localStorage.setItem(STORE, box.checked ? "on" : "off"));
}
