// Menus, drawer, dialogs, theme and toasts of the page frame.

/** The token that every writing request must carry. */
export const csrf = () => document.querySelector('meta[name="csrf-token"]')?.content ?? "";

export function post(url, data) {
  return fetch(url, {
    method: "POST",
    headers: { "X-CSRFToken": csrf(), "X-Requested-With": "fetch" },
    body: new URLSearchParams(data),
  });
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!except || !menu.contains(except)) menu.open = false;
  }
}

function menus() {
  document.addEventListener("click", (event) => closeMenus(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary")?.focus();
  });
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details.menu") && event.target.open) closeMenus(event.target);
  }, true);
}

function dialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.opens);
      if (dialog instanceof HTMLDialogElement) {
        event.preventDefault();
        dialog.showModal();
      }
    }
    const closer = event.target.closest("[data-closes]");
    if (closer) closer.closest("dialog")?.close();
    if (event.target instanceof HTMLDialogElement) event.target.close(); // a click on the backdrop
  });
}

function navigation() {
  const address = document.body.dataset.navigationUrl;
  document.addEventListener("click", (event) => {
    const part = event.target.closest(".nav-section > summary")?.parentElement;
    if (!part) return;
    const open = !part.open; // the browser toggles it after this
    const name = part.dataset.section;
    for (const twin of document.querySelectorAll(`.nav-section[data-section="${CSS.escape(name)}"]`)) if (twin !== part) twin.open = open;
    if (address) post(address, { section: name, open: open ? "yes" : "no" });
  });
}

function theme() {
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-theme-form]");
    if (!form) return;
    event.preventDefault();
    const chosen = event.submitter?.value ?? "system";
    document.documentElement.dataset.theme = chosen;
    for (const button of document.querySelectorAll("form[data-theme-form] button")) {
      button.setAttribute("aria-pressed", String(button.value === chosen));
    }
    post(form.action, { theme: chosen });
  });
}

function dismiss(note) {
  note.remove();
}

export function toasts() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".toast-note > button");
    if (button) dismiss(button.parentElement);
  });
  const expire = (root) => {
    for (const note of root.querySelectorAll?.(".toast-note:not([data-timed])") ?? []) {
      note.dataset.timed = "";
      // Refusals stay until read; confirmations leave by themselves.
      if (note.dataset.tone !== "error") setTimeout(() => dismiss(note), 7000);
    }
  };
  expire(document);
  new MutationObserver(() => expire(document)).observe(document.body, { childList: true, subtree: true });
}

/** Shows a message in the corner; text only, never markup. */
export function say(text, tone = "info") {
  const box = document.getElementById("toasts");
  const template = document.getElementById("toast-template");
  if (!box || !template) return;
  const note = template.content.firstElementChild.cloneNode(true);
  note.dataset.tone = tone;
  note.querySelector("span").textContent = text;
  box.append(note);
}

function busy() {
  let running = 0;
  const show = () => document.documentElement.toggleAttribute("data-busy", running > 0);
  document.addEventListener("htmx:before:request", () => { running += 1; show(); });
  document.addEventListener("htmx:finally:request", () => { running = Math.max(0, running - 1); show(); });
  document.addEventListener("htmx:error", () => say("The server did not answer. Nothing was changed; try again.", "error"));
}

function times() {
  // The server writes the time relative to its own clock; a page left open would lie without this.
  const units = [[86400, "day"], [3600, "hour"], [60, "minute"]];
  const format = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "long" });
  const refresh = () => {
    for (const node of document.querySelectorAll("time[data-relative]")) {
      const seconds = (Date.parse(node.dateTime) - Date.now()) / 1000;
      if (Math.abs(seconds) >= 30 * 86400) continue;
      const [size, name] = units.find(([limit]) => Math.abs(seconds) >= limit) ?? [60, "minute"];
      const count = Math.trunc(seconds / size);
      node.textContent = count === 0 ? (seconds < 0 ? "just now" : "in a moment") : format.format(count, name);
    }
  };
  setInterval(refresh, 30000);
}

export function startShell() {
  menus();
  dialogs();
  navigation();
  theme();
  toasts();
  busy();
  times();
}
