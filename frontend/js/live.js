// Live regions: the server says "something newer exists", the region is fetched again and morphed in place.
// A region is <section id="…" data-live="alerts tasks">. The stream is open only while the page is visible,
// because browsers allow six connections per host and every hidden tab would hold one.

let stream;
let retry;

const regions = () => [...document.querySelectorAll("[data-live]")];

function refresh(topic) {
  for (const region of regions()) {
    if (!region.dataset.live.split(/\s+/).includes(topic)) continue;
    const edited = region.querySelector(".cell-form, details.menu[open], .tickbox:checked") || region.querySelector("input:focus, textarea:focus, select:focus");
    if (edited) { region.dataset.stale = topic; continue; } // never under somebody's hands
    delete region.dataset.stale;
    window.htmx?.ajax("GET", region.dataset.liveUrl || location.pathname + location.search, {
      target: `#${CSS.escape(region.id)}`, select: `#${CSS.escape(region.id)}`, swap: "outerMorph",
    });
  }
}

function topics() {
  return [...new Set(regions().flatMap((region) => region.dataset.live.split(/\s+/)).filter(Boolean))].sort();
}

function open() {
  const wanted = topics();
  const base = document.body.dataset.liveUrl;
  if (!base || !wanted.length || document.hidden || stream) return;
  stream = new EventSource(`${base}?topics=${encodeURIComponent(wanted.join(","))}`);
  stream.addEventListener("newer", (event) => refresh(event.data));
  stream.addEventListener("error", () => {
    if (stream?.readyState !== EventSource.CLOSED) return;
    stream = undefined;
    clearTimeout(retry);
    retry = setTimeout(open, 15000);
  });
}

function close() {
  stream?.close();
  stream = undefined;
}

export function startLive() {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return close();
    open();
    return topics().forEach(refresh); // catch up with what was missed
  });
  addEventListener("pagehide", close);
  document.addEventListener("focusout", () => setTimeout(() => {
    for (const region of document.querySelectorAll("[data-live][data-stale]")) refresh(region.dataset.stale);
  }, 400));
  open();
}
