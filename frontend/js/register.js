// What a register gains from scripts: counting selected rows, select all, the value box of the bulk bar.

function bar(register) {
  return register.querySelector(".bulk-bar");
}

function update(register) {
  const boxes = [...register.querySelectorAll("tbody .tickbox")];
  const picked = boxes.filter((box) => box.checked).length;
  const all = register.querySelector("thead .tickbox");
  if (all) {
    all.checked = boxes.length > 0 && picked === boxes.length;
    all.indeterminate = picked > 0 && picked < boxes.length;
  }
  const count = bar(register)?.querySelector("[data-count]");
  if (count) count.textContent = `${picked} selected`;
  const matching = bar(register)?.querySelector("[data-matching]");
  if (matching) matching.hidden = picked !== boxes.length || picked === 0;
}

function showValue(form) {
  const chosen = form.querySelector("select[name=column]")?.value;
  for (const box of form.querySelectorAll("[data-column]")) {
    const here = box.dataset.column === chosen;
    box.hidden = !here;
    for (const control of box.querySelectorAll("input, select, textarea")) control.disabled = !here;
  }
}

export function startRegisters() {
  let last;
  document.addEventListener("click", (event) => {
    const box = event.target.closest?.(".rows tbody .tickbox");
    if (!box) return;
    const register = box.closest(".register");
    if (event.shiftKey && last && register.contains(last)) {
      const boxes = [...register.querySelectorAll("tbody .tickbox")];
      const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
      boxes.slice(from, to + 1).forEach((one) => { one.checked = box.checked; });
    }
    last = box;
    update(register);
  });
  document.addEventListener("change", (event) => {
    const all = event.target.closest?.(".rows thead .tickbox");
    if (all) {
      const register = all.closest(".register");
      for (const box of register.querySelectorAll("tbody .tickbox")) box.checked = all.checked;
      update(register);
    }
    const column = event.target.closest?.(".bulk-bar select[name=column]");
    if (column) showValue(column.form);
  });
  document.addEventListener("click", (event) => {
    const clear = event.target.closest?.("[data-clear-selection]");
    if (!clear) return;
    const register = clear.closest(".register");
    for (const box of register.querySelectorAll(".tickbox")) box.checked = false;
    update(register);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.target.closest?.(".cell-form")?.querySelector("[data-cancel]")?.click();
  });
  const ready = (root) => {
    for (const form of root.querySelectorAll?.(".bulk-bar") ?? []) showValue(form);
    for (const register of root.querySelectorAll?.(".register") ?? []) update(register);
    root.querySelector?.(".cell-form [data-focus]")?.focus();
  };
  ready(document);
  document.addEventListener("htmx:after:swap", () => ready(document));
}
