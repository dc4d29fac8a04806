// Keeps the page true without a reload: one event stream says that something
// changed, and the same URL is drawn again over what is shown. When the stream
// breaks, the page says since when, and comes back by itself.
(() => {
  "use strict";
  let gone = null, drawing = false, again = false;

  const showGone = () => {
    document.body.classList.toggle("gone", gone !== null);
    const note = document.querySelector(".gone-note");
    if (!note) return;
    note.hidden = gone === null;
    if (gone) note.querySelector("[data-gone-since]").textContent = gone.toLocaleTimeString();
  };

  // A form that a person began to fill in, an open menu and what draws itself
  // (a console) are left as they are.
  const keep = (old) => old instanceof Element &&
    (old.matches("[data-keep]") || (old.matches("form[data-dirty]")));
  Idiomorph.defaults.ignoreActiveValue = true;
  Idiomorph.defaults.callbacks.beforeNodeMorphed = (old, fresh) => {
    if (keep(old) && fresh instanceof Element && old.id === fresh.id) return false;
    if (old instanceof HTMLDetailsElement && fresh instanceof HTMLDetailsElement) fresh.open = old.open;
    return true;
  };
  document.addEventListener("input", (e) => { const f = e.target.closest && e.target.closest("main form"); if (f) f.dataset.dirty = ""; });
  document.addEventListener("submit", (e) => { delete e.target.dataset.dirty; }, true);

  const draw = async () => {
    if (drawing) { again = true; return; }
    const page = document.getElementById("page");
    if (!page || document.hidden) { again = true; return; }
    drawing = true; again = false;
    try {
      await htmx.ajax("GET", location.pathname + location.search, { target: "#page", select: "#page", swap: "morph:outerHTML" });
    } catch { /* the stream tells when the appliance is gone */ }
    drawing = false;
    showGone();
    if (again) draw();
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) draw(); });

  // Between two drawings the clocks run on by themselves.
  let drawn = performance.now();
  document.addEventListener("htmx:afterSettle", () => { drawn = performance.now(); showGone(); });
  const clock = (s) => {
    const t = Math.floor(s), p = (n) => String(n).padStart(2, "0");
    return t >= 3600 ? `${Math.floor(t / 3600)}:${p(Math.floor(t / 60) % 60)}:${p(t % 60)}` : `${Math.floor(t / 60)}:${p(t % 60)}`;
  };
  setInterval(() => {
    if (gone) return;
    const past = (performance.now() - drawn) / 1000;
    for (const e of document.querySelectorAll("[data-clock]")) e.textContent = clock(Number(e.dataset.clock) + past);
  }, 1000);

  // One menu at a time, closed by Escape and by a click elsewhere.
  const closeMenus = (but) => { for (const d of document.querySelectorAll("details[data-menu][open]")) if (d !== but) d.open = false; };
  document.addEventListener("click", (e) => closeMenus(e.target.closest("details[data-menu]")));
  document.addEventListener("keydown", (e) => { if (e.key === "Escape") closeMenus(null); });

  if (document.querySelector("[data-still]")) return; // a page without a rack behind it: sign-in
  const stream = new EventSource("/live");
  let first = true;
  stream.addEventListener("change", () => { if (!first) draw(); first = false; });
  stream.onopen = () => { if (gone) { gone = null; showGone(); draw(); } };
  stream.onerror = () => { if (!gone) { gone = new Date(); showGone(); } };
})();
