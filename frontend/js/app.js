// Entry of the page script. Everything here improves pages that already work without it.
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startPalette } from "./palette.js";
import { startRegisters } from "./register.js";
import { startShell } from "./shell.js";

function charts() {
  // The chart code is large, so it is fetched only when a chart is on the page.
  const box = document.querySelector("[data-chart]");
  if (box) import(box.dataset.chartCode).then((module) => module.drawAll(document));
}

function forms() {
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-submit-on-change]")) event.target.form?.requestSubmit();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-print]")) print();
  });
}

startShell();
startPalette();
startKeys();
startRegisters();
startLive();
forms();
charts();
document.addEventListener("htmx:after:swap", charts);
