// The command palette (Ctrl-K): a combobox over pages, actions and records, usable by keyboard alone.

let dialog, input, list, pending;
let active = -1;

const options = () => [...list.querySelectorAll("[role=option]")];

function mark(index) {
  const all = options();
  active = all.length ? (index + all.length) % all.length : -1;
  all.forEach((option, position) => option.setAttribute("aria-selected", String(position === active)));
  const current = all[active];
  if (current) {
    input.setAttribute("aria-activedescendant", current.id);
    current.scrollIntoView({ block: "nearest" });
  } else {
    input.removeAttribute("aria-activedescendant");
  }
}

async function load() {
  pending?.abort();
  pending = new AbortController();
  const url = new URL(dialog.dataset.url, location.origin);
  url.searchParams.set("q", input.value);
  try {
    const answer = await fetch(url, { signal: pending.signal, headers: { "X-Requested-With": "fetch" } });
    if (!answer.ok) return;
    list.replaceChildren(new DOMParser().parseFromString(await answer.text(), "text/html").body);
    list.replaceChildren(...list.firstElementChild.childNodes);
    mark(0);
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}

function run(option) {
  dialog.close();
  if (option.dataset.opens) document.getElementById(option.dataset.opens)?.showModal();
  else location.assign(option.href);
}

export function openPalette(text = "") {
  if (!dialog || dialog.open) return;
  input.value = text;
  dialog.showModal();
  input.select();
  load();
}

export function startPalette() {
  dialog = document.getElementById("palette");
  if (!dialog) return;
  input = dialog.querySelector("input");
  list = dialog.querySelector("[role=listbox]");
  let timer;
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(load, 120); });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { event.preventDefault(); mark(active + step); }
    if (event.key === "Enter") {
      event.preventDefault();
      const chosen = options()[active];
      if (chosen) run(chosen);
    }
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (!option || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    run(option);
  });
  for (const box of document.querySelectorAll("[data-palette]")) {
    box.addEventListener("click", (event) => { event.preventDefault(); openPalette(); });
    box.addEventListener("keydown", (event) => {
      if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && event.target.matches("input")) {
        event.preventDefault();
        openPalette(event.key === " " ? "" : event.key);
        input.setSelectionRange(input.value.length, input.value.length);
      }
    });
  }
}
