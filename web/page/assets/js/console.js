// A node's serial console: xterm.js on a websocket. The words and buttons are
// the page's own (in its language); this script shows those that are true. It
// fetches the terminal only where there is a console.
(() => {
  "use strict";
  const cols = 80, rows = 24; // what a machine believes of a serial terminal, whose size it is never told
  const encoder = new TextEncoder();
  const mounted = new Map(); // element to the function that ends it

  // The terminal makes <style> elements while it opens, and style attributes for
  // true colours, which the page's content security policy does not let pass. They
  // become constructed style sheets and CSSOM properties, which it does.
  let opening = false;
  const beStrict = () => {
    const create = document.createElement, set = Element.prototype.setAttribute;
    const setAttribute = function (name, value) { if (name === "style") this.style.cssText = value; else set.call(this, name, value); };
    const styleSheet = () => {
      const css = new CSSStyleSheet(), stand = create.call(document, "template");
      document.adoptedStyleSheets.push(css);
      Object.defineProperty(stand, "textContent", { set: (text) => css.replaceSync(text) });
      stand.remove = () => {
        document.adoptedStyleSheets = document.adoptedStyleSheets.filter((s) => s !== css);
        Element.prototype.remove.call(stand);
      };
      return stand;
    };
    document.createElement = (tag, options) => {
      if (opening && tag === "style") return styleSheet();
      const e = create.call(document, tag, options);
      if (tag === "span") e.setAttribute = setAttribute;
      return e;
    };
  };
  const open = (term, parent) => {
    if (!Object.hasOwn(document, "createElement")) beStrict();
    opening = true;
    try { term.open(parent); } finally { opening = false; }
  };

  const once = new Map();
  const load = (url, make) => {
    if (!once.has(url)) once.set(url, new Promise((ok, fail) => { const e = make(url); e.onload = ok; e.onerror = () => { once.delete(url); fail(new Error(url)); }; document.head.append(e); }));
    return once.get(url);
  };
  const script = (url) => Object.assign(document.createElement("script"), { src: url });
  const sheet = (url) => Object.assign(document.createElement("link"), { rel: "stylesheet", href: url });

  const keys = { esc: "\x1b", tab: "\t", "ctrl-c": "\x03", up: "\x1b[A", down: "\x1b[B" };
  const modifiers = new Set(["Shift", "Control", "Alt", "Meta", "CapsLock", "AltGraph"]);

  const mount = (root) => {
    const $ = (q) => root.querySelector(q);
    const show = (attr, word) => { for (const e of root.querySelectorAll(`[${attr}]`)) e.hidden = e.getAttribute(attr) !== word; };
    const fill = (attr, text) => { for (const e of root.querySelectorAll(`[${attr}]`)) e.textContent = text; };
    const term = new Terminal({
      cols, rows, scrollback: 5000, screenReaderMode: true, minimumContrastRatio: 4.5, fontSize: 13, convertEol: false,
      fontFamily: 'ui-monospace, "DejaVu Sans Mono", monospace', theme: { background: "#10131a", foreground: "#e6e8eb" },
    });
    const fit = new FitAddon.FitAddon();
    term.loadAddon(fit);
    const screen = $("[data-screen]");
    open(term, screen);
    $("[data-tail]").remove();
    screen.hidden = false;

    // The columns are the machine's; so the letters are made to fit, not their
    // number, down to what can be read: then the screen scrolls sideways.
    const size = () => {
      const was = term.options.fontSize, room = fit.proposeDimensions();
      if (!room || !room.cols) return;
      let px = was * (room.cols + 0.5) / cols;
      if (root.classList.contains("large")) px = Math.min(px, was * (room.rows + 0.5) / rows);
      px = Math.max(9, Math.min(root.classList.contains("large") ? 28 : 14, Math.floor(px * 2) / 2));
      if (px !== was) term.options.fontSize = px;
    };
    const watch = new ResizeObserver(size);
    watch.observe(screen);
    size();

    let socket = null, state = null, replaying = true, claimed = false, wait = 500, timer = 0, ticker = 0, ended = false, asked = 0;
    const mine = () => state && state.holder === state.you;
    const me = () => state && state.viewers.find((v) => v.id === state.you);
    const name = (id) => (state.viewers.find((v) => v.id === id) || { name: "?" }).name;
    const tell = (message) => { if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message)); };
    const send = (text) => { if (socket && socket.readyState === WebSocket.OPEN) socket.send(encoder.encode(text)); };

    const draw = () => {
      clearInterval(ticker);
      root.classList.toggle("mine", !!mine());
      if (!state) { show("data-keys", ""); $("[data-asks]").hidden = true; return; }
      show("data-line", state.line);
      fill("data-reason", state.reason || "");
      fill("data-since", new Date(state.since).toLocaleTimeString());
      const a = state.asking, waiting = a && a.who === state.you;
      show("data-keys", waiting ? "waiting" : state.answer && !mine() ? state.answer.replace(" ", "-") : mine() ? "mine" : state.holder ? "other" : me() && me().mayType ? "free" : "may-not");
      if (state.holder) fill("data-holder", name(state.holder));
      fill("data-viewers", state.viewers.map((v) => v.name).join(", "));
      $("[data-take]").hidden = mine() || !!waiting || !(me() && me().mayType);
      $("[data-lay]").hidden = $("[data-extra]").hidden = !mine();
      const question = $("[data-asks]");
      question.hidden = !(a && mine());
      if (a) {
        if (mine()) fill("data-asker", name(a.who));
        const until = performance.now() + a.seconds * 1000, tick = () => fill("data-left", String(Math.max(0, Math.ceil((until - performance.now()) / 1000))));
        tick();
        ticker = setInterval(tick, 500);
        asked = a.who;
      }
    };

    const connect = () => {
      clearTimeout(timer);
      const url = new URL(root.dataset.console, location.href);
      url.protocol = url.protocol.replace("http", "ws");
      socket = new WebSocket(url);
      socket.binaryType = "arraybuffer";
      socket.onopen = () => { wait = 500; replaying = true; claimed = false; term.reset(); };
      socket.onmessage = (e) => {
        if (e.data instanceof ArrayBuffer) { term.write(new Uint8Array(e.data)); return; }
        const m = JSON.parse(e.data);
        // What the terminal answers to questions in the scrollback is not the machine's to get.
        if (m.type === "live") term.write("", () => { replaying = false; });
        else if (m.type === "state") { state = m; if (mine() || state.holder) claimed = false; draw(); }
      };
      socket.onclose = (e) => {
        socket = null; state = null;
        draw();
        if (ended) return;
        show("data-line", e.code === 1008 ? "out" : "away");
        if (e.code === 1008) return; // no more signed in; trying on would not help
        timer = setTimeout(connect, wait);
        wait = Math.min(wait * 2, 15000);
      };
    };
    const hurry = () => { if (!socket && !ended && !document.hidden) connect(); };

    term.onData((text) => { if (!replaying && (mine() || claimed)) send(text); });
    term.onBinary((text) => { if (!replaying && mine() && socket) socket.send(Uint8Array.from(text, (c) => c.charCodeAt(0))); });
    term.attachCustomKeyEventHandler((e) => {
      if (e.type !== "keydown") return true;
      if (e.ctrlKey && e.key === "]") { // out of the terminal, as on the command line; Tab is the machine's
        e.preventDefault();
        const out = [$("[data-lay]"), $("[data-take]"), $("[data-large]")].find((b) => !b.hidden);
        if (out) out.focus();
        return false;
      }
      if ((e.ctrlKey || e.metaKey) && e.key === "c" && term.hasSelection()) return false; // the browser copies
      if (mine()) return true;
      if (e.key === "Tab") return false;
      // A person's first key takes a keyboard that nobody has.
      if (state && !state.holder && me() && me().mayType && !modifiers.has(e.key) && !claimed) { claimed = true; tell({ type: "ask" }); }
      return true;
    });
    const click = (q, f) => { for (const b of root.querySelectorAll(q)) b.addEventListener("click", f); };
    click("[data-take]", () => { tell({ type: "ask" }); term.focus(); });
    click("[data-lay]", () => tell({ type: "give", to: 0 }));
    click("[data-yes]", () => tell({ type: "give", to: asked }));
    click("[data-no]", () => { tell({ type: "refuse", who: asked }); term.focus(); });
    click("[data-key]", (e) => { if (mine()) send(keys[e.currentTarget.dataset.key]); term.focus(); });
    click("[data-large]", (e) => { const large = root.classList.toggle("large"); e.currentTarget.setAttribute("aria-pressed", String(large)); size(); term.focus(); });
    addEventListener("online", hurry);
    document.addEventListener("visibilitychange", hurry);
    connect();
    return () => {
      ended = true;
      clearTimeout(timer); clearInterval(ticker);
      removeEventListener("online", hurry);
      document.removeEventListener("visibilitychange", hurry);
      watch.disconnect();
      if (socket) socket.close();
      term.dispose();
    };
  };

  // Consoles come and go as the page is drawn anew.
  const scan = async () => {
    for (const [root, end] of mounted) if (!root.isConnected) { mounted.delete(root); end(); }
    for (const root of document.querySelectorAll("[data-console]")) {
      if (mounted.has(root)) continue;
      mounted.set(root, () => {});
      try {
        await Promise.all([...root.dataset.scripts.split(" ").map((u) => load(u, script)), load(root.dataset.sheet, sheet)]);
        if (root.isConnected) mounted.set(root, mount(root));
      } catch {
        mounted.delete(root); // the next drawing tries again; the text of the last lines stays
      }
    }
  };
  document.addEventListener("htmx:afterSettle", scan);
  scan();
})();
