// The rack by keyboard and by drag: arrows walk from server to server, Enter
// opens, Space adds to the choice, Escape closes the drawer; a newcomer dropped
// on a role is led to the form that gives it. All of it has a link or a form
// that does the same without this script.
(() => {
  "use strict";
  // A link that is followed at once. The drawing that it brings sweeps it away:
  // removed sooner it would lose what it inherits, how to draw.
  const go = (url) => { const a = document.createElement("a"); a.href = url; a.hidden = true; document.getElementById("page").append(a); htmx.process(a); a.click(); };
  const page = () => document.querySelector("[data-rackpage]");
  const units = () => [...document.querySelectorAll("[data-units] a, [data-newcomers] li > a")];

  const choose = (name) => {
    const url = new URL(location.href), all = url.searchParams.getAll("node");
    url.searchParams.delete("node");
    for (const n of all.includes(name) ? all.filter((x) => x !== name) : [...all, name]) url.searchParams.append("node", n);
    go(url.pathname + url.search);
  };

  document.addEventListener("keydown", (e) => {
    if (!page() || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea, .console")) return;
    const list = units(), at = list.indexOf(document.activeElement.closest("li > a"));
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      const next = list[at < 0 ? 0 : Math.min(list.length - 1, Math.max(0, at + (e.key === "ArrowDown" ? 1 : -1)))];
      if (next) { next.focus(); e.preventDefault(); }
    } else if (e.key === " " && at >= 0) {
      choose(list[at].closest("[data-node]").dataset.node);
      e.preventDefault();
    } else if (e.key === "Escape") {
      document.querySelector("[data-close]")?.click();
    }
  });
  document.addEventListener("click", (e) => {
    const unit = e.target.closest("[data-node] > a");
    if (unit && (e.ctrlKey || e.metaKey || e.shiftKey)) { e.preventDefault(); e.stopPropagation(); choose(unit.parentElement.dataset.node); }
  }, true);

  let dragged = null;
  const zones = (shown) => { const z = document.querySelector("[data-zones]"); if (z) z.hidden = !shown; };
  document.addEventListener("dragstart", (e) => { const li = e.target.closest?.("[data-newcomers] li"); if (li) { dragged = li; e.dataTransfer.setData("text/plain", li.dataset.node); setTimeout(() => zones(true)); } });
  document.addEventListener("dragend", () => { dragged = null; zones(false); });
  for (const kind of ["dragover", "dragenter"]) document.addEventListener(kind, (e) => { const z = dragged && e.target.closest?.("[data-role]"); if (z) { e.preventDefault(); z.classList.add("over"); } });
  document.addEventListener("dragleave", (e) => e.target.closest?.("[data-role]")?.classList.remove("over"));
  document.addEventListener("drop", (e) => {
    const z = dragged && e.target.closest?.("[data-role]");
    if (!z) return;
    e.preventDefault();
    go(`${location.pathname}/nodes/${encodeURIComponent(dragged.dataset.node)}/role?role=${encodeURIComponent(z.dataset.role)}`);
  });
})();
