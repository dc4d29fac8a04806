// A run's page, over what works without script: output that was read at its end
// stays at its end, the timeline begins where now is, its blocks are drawn in
// place, and the arrow keys walk along it.
(() => {
  "use strict";
  const atEnd = new WeakMap(); // pre → whether its end is shown
  const shown = new WeakSet(); // scrollers that were moved to now
  document.addEventListener("scroll", (e) => {
    if (e.target instanceof Element && e.target.matches("[data-tail]")) atEnd.set(e.target, e.target.scrollTop + e.target.clientHeight >= e.target.scrollHeight - 8);
  }, true);
  const settle = () => {
    for (const pre of document.querySelectorAll("[data-tail]")) if (atEnd.get(pre) !== false) pre.scrollTop = pre.scrollHeight;
    const s = document.getElementById("tl-scroll");
    if (s && s.dataset.now && !shown.has(s)) {
      shown.add(s);
      s.scrollLeft = s.scrollWidth * parseFloat(s.dataset.now) / 100 - s.clientWidth * 0.7;
    }
  };
  document.addEventListener("htmx:afterSettle", settle);
  settle();

  // htmx takes no links of a drawing: they are followed as one of the page's.
  document.addEventListener("click", (e) => {
    const a = e.target instanceof Element && e.target.closest(".tl a");
    if (!a || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey || e.button) return;
    e.preventDefault();
    const link = document.createElement("a");
    link.href = a.getAttribute("href");
    document.getElementById("page").append(link);
    htmx.process(link);
    link.click();
    link.remove();
  });
  document.addEventListener("keydown", (e) => {
    const a = e.target instanceof Element && e.target.closest(".tl a");
    if (!a || (e.key !== "ArrowLeft" && e.key !== "ArrowRight")) return;
    const all = [...document.querySelectorAll(".tl a")], to = all[all.indexOf(a) + (e.key === "ArrowRight" ? 1 : -1)];
    if (to) { to.focus(); e.preventDefault(); }
  });
})();
