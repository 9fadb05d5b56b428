// Runs before the first paint so that a dark page never flashes white. Classic script, no dependencies.
(() => {
  const root = document.documentElement;
  root.classList.remove("no-js");
  const media = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    const dark = root.dataset.theme === "dark" || (root.dataset.theme !== "light" && media.matches);
    if (root.classList.contains("dark") === dark) return;
    root.classList.toggle("dark", dark);
    document.dispatchEvent(new CustomEvent("caiso:theme"));
  };
  media.addEventListener("change", paint);
  new MutationObserver(paint).observe(root, { attributes: true, attributeFilter: ["data-theme"] });
  paint();
})();
