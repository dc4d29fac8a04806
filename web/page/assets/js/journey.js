// The boot journey: a token that goes from step to step, by itself or by hand,
// and the ends of logs, which are scrolled to. What is drawn says the same
// without this script.
(() => {
  "use strict";
  const dwell = 700; // ms at a step
  let at = -1, timer = null;

  const rows = () => [...document.querySelectorAll("[data-way] [data-step]")];
  const show = () => {
    const way = document.querySelector("[data-way]"), list = rows();
    if (!way) { stop(); at = -1; return; }
    for (const [i, r] of list.entries()) r.classList.toggle("here", i === at);
    const token = way.querySelector("[data-token]"), row = list[at];
    token.hidden = !row;
    if (!row) return;
    const dot = row.querySelector("circle").getBoundingClientRect(), box = way.getBoundingClientRect();
    token.style.transform = `translate(${dot.left + dot.width / 2 - box.left + way.scrollLeft}px, ${dot.top + dot.height / 2 - box.top}px)`;
    const said = document.querySelector("[data-steer] [data-said]");
    const text = (c) => row.querySelector(c).innerText.trim().replace(/\s+/g, " ");
    said.textContent = `${row.dataset.step} ${row.querySelector(".what b").textContent} · ${text(".when")}`;
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    document.querySelector("[data-go=play]")?.setAttribute("aria-pressed", "false");
  };
  const go = (by) => {
    const n = rows().length;
    if (!n) return stop();
    if (at + by >= n && timer) return stop();
    at = Math.max(0, Math.min(n - 1, at + by));
    show();
    rows()[at].scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("click", (e) => {
    const b = e.target.closest("[data-go]");
    if (!b) return;
    const what = b.dataset.go;
    if (what !== "play") { stop(); go(Number(what)); return; }
    if (timer) { stop(); return; }
    if (at >= rows().length - 1) at = -1;
    b.setAttribute("aria-pressed", "true");
    timer = setInterval(() => go(1), dwell);
    go(1);
  });
  addEventListener("resize", show);

  // A log is read from its end, unless a person has scrolled up in it.
  const read = new WeakSet();
  const tails = () => { for (const p of document.querySelectorAll("[data-tail]")) if (!read.has(p)) p.scrollTop = p.scrollHeight; };
  document.addEventListener("scroll", (e) => {
    const p = e.target;
    if (!(p instanceof Element) || !p.matches("[data-tail]")) return;
    if (p.scrollTop + p.clientHeight < p.scrollHeight - 8) read.add(p); else read.delete(p);
  }, true);
  document.addEventListener("htmx:afterSettle", () => { show(); tails(); });
  tails();
})();
