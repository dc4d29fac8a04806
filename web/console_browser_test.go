package web_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/coder/websocket"

	"sandai/inventory"
	"sandai/web"
	"sandai/web/console"
	"sandai/web/webtest"
)

// Expressions on a page with a console.
const (
	termText = `[...document.querySelectorAll(".xterm-rows > div")].map((r) => r.textContent).join("\n").replaceAll("\u00a0", " ")`
	consoleX = "/racks/demo?node=compute-1&tab=console"
)

func shown(part string) string { return `document.querySelector("[` + part + `]")?.hidden === false` }

func says(text string) string {
	b, _ := json.Marshal(text)
	return termText + ".includes(" + string(b) + ")"
}

// consoleServer serves what is in m to pages with a role.
func consoleServer(t *testing.T, m *webtest.Memory, role inventory.UserRole) string {
	s := httptest.NewServer(m.As(role, web.NewAPI(config(m))))
	t.Cleanup(s.Close) // after the browser has ended, and with it the pages' event streams
	return s.URL
}

// TestConsoleInBrowser: two windows and one keyboard.
func TestConsoleInBrowser(t *testing.T) {
	m := installed()
	base := consoleServer(t, m, inventory.Operator)
	window := browsers(t)
	a, b := window(1280, 900), window(390, 844) // a laptop and a phone
	for _, w := range []*browser{a, b} {
		w.do("open the console", chromedp.Navigate(base+consoleX))
		w.waits("a live line", shown("data-line=live"))
		w.waits("the greeting", says("compute-1 login:"))
		w.waits("a free keyboard", shown("data-keys=free"))
	}
	a.do("type", chromedp.Click("[data-screen]"), chromedp.KeyEvent("root"))
	a.waits("the echo", says("login: root"))
	a.waits("the keyboard", shown("data-keys=mine"))
	b.waits("the echo in the other window", says("login: root"))
	b.do("type without the keyboard, and ask", chromedp.Click("[data-screen]"), chromedp.KeyEvent("lost"), chromedp.Click("[data-take]"))
	b.waits("the wait for an answer", shown("data-keys=waiting"))
	a.waits("the question", shown("data-asks"))
	a.shot("console-asked")
	b.shot("console-phone-asks")
	a.do("refuse", chromedp.Click("[data-no]"))
	b.waits("the refusal", shown("data-keys=refused"))
	b.do("ask again", chromedp.Click("[data-take]"))
	a.waits("the question again", shown("data-asks"))
	a.do("give", chromedp.Click("[data-yes]"))
	b.waits("the keyboard", shown("data-keys=mine"))
	a.waits("the other holder", shown("data-keys=other"))
	b.do("type", chromedp.Click("[data-screen]"), chromedp.KeyEvent("-b"), chromedp.Click("[data-key=up]"))
	a.waits("the phone's keys, and none that were typed without the keyboard", says("login: root-b"))
	b.shot("console-phone")
	b.do("lay it down", chromedp.Click("[data-lay]"))
	a.waits("the free keyboard", shown("data-keys=free"))

	// The page is drawn anew around the terminal, which stays.
	a.do("mark the terminal", evaluate(`document.querySelector(".xterm").marked = true`))
	m.AddEvent(inventory.Event{Time: webtest.T0, Type: inventory.EventRun, Text: "something happened"})
	m.SetNode("demo", "compute-1", func(n *inventory.Node) { n.State = inventory.Active })
	a.waits("the new state around it", `document.querySelector("[data-drawer]").innerText.includes("active")`)
	a.waits("the same terminal", `document.querySelector(".xterm")?.marked === true`)
	// Out by the keyboard, and in large.
	a.do("leave the terminal", chromedp.Click("[data-screen]"), chromedp.KeyEvent("]", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	a.waits("the focus on a button", `document.activeElement.matches("[data-take], [data-lay]")`)
	a.do("large", chromedp.Click("[data-large]"))
	a.waits("large letters", `document.querySelector(".xterm-rows").clientWidth > 1000`)
	a.shot("console-large")
	a.do("and small again", chromedp.Click("[data-large]"))
	// Another tab ends the viewer.
	a.do("go elsewhere", chromedp.Click(`.tabs a[href*="tab=facts"]`))
	a.waits("the facts", `!document.querySelector("[data-console]")`)
	b.waits("one viewer less", `document.querySelector("[data-viewers]").textContent === "test"`)
}

func evaluate(js string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Evaluate[bool](js+"; true")(ctx, t)
		return err
	})
}

func withoutScript() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
}

// TestConsoleColours: true colours, which the terminal sets as style attributes,
// come through the page's content security policy, and what the scrollback asks
// of a terminal is not answered to the machine.
func TestConsoleColours(t *testing.T) {
	m := installed()
	base := consoleServer(t, m, inventory.Operator)
	cli := dial(t, base, "compute-1")
	cli.see("a live line", func() bool { return cli.live && cli.state.Line == console.Live })
	cli.send(websocket.MessageText, `{"type":"ask"}`)
	cli.send(websocket.MessageBinary, "\x1b[38;2;255;128;0mtrue colour\x1b[0m \x1b[34mblue\x1b[0m \x1b[6n\x1b[c end\r\n")
	cli.see("the echo", func() bool { return strings.HasSuffix(cli.text, "end\r\n") })
	cli.send(websocket.MessageText, `{"type":"give","to":0}`)
	window := browsers(t)
	a := window(1280, 900)
	a.do("open the console", chromedp.Navigate(base+consoleX))
	a.waits("the text", says("end"))
	a.waits("the colour", `[...document.querySelectorAll(".xterm-rows span")].some((s) => s.textContent.includes("true") && getComputedStyle(s).color === "rgb(255, 128, 0)")`)
	a.waits("the theme's colours", `[...document.querySelectorAll(".xterm-rows span")].some((s) => s.textContent === "blue" && getComputedStyle(s).color !== getComputedStyle(document.querySelector(".xterm-rows")).color)`)
	a.do("type", chromedp.Click("[data-screen]"), chromedp.KeyEvent("x"))
	a.waits("the echo", says("\nx"))
	cli.see("the same", func() bool { return strings.HasSuffix(cli.text, "end\r\nx") }) // and no answer before it
	a.shot("console-colours")
}

// TestConsoleComesBack: with the appliance down the page says so, and comes back
// by itself, with the scrollback once.
func TestConsoleComesBack(t *testing.T) {
	m := installed()
	h := m.As(inventory.Operator, web.NewAPI(config(m)))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	begin := func(l net.Listener) func() {
		ctx, cancel := context.WithCancel(context.Background())
		s := &http.Server{Handler: h, BaseContext: func(net.Listener) context.Context { return ctx }}
		go s.Serve(l)
		return func() { s.Close(); cancel() }
	}
	end := begin(l)
	t.Cleanup(func() { end() })
	window := browsers(t)
	a := window(1280, 900)
	a.fine = func(said string) bool {
		return strings.Contains(said, "ERR_CONNECTION_REFUSED") || strings.Contains(said, "ERR_INCOMPLETE_CHUNKED_ENCODING") || strings.Contains(said, "ERR_EMPTY_RESPONSE")
	}
	a.do("open the console", chromedp.Navigate("http://"+address+consoleX))
	a.waits("the greeting", says("compute-1 login:"))
	end()
	a.waits("the loss", shown("data-line=away"))
	if l, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	end = begin(l)
	a.waits("the line again", shown("data-line=live"))
	a.waits("the scrollback, once", termText+`.split("login:").length === 2`)
	a.do("type", chromedp.Click("[data-screen]"), chromedp.KeyEvent("root"))
	a.waits("the echo", says("login: root"))
}

// TestConsoleForAll: what the page looks like to who may only look, in Japanese;
// to who has no script; and to who does not see.
func TestConsoleForAll(t *testing.T) {
	m := installed()
	base := consoleServer(t, m, inventory.Viewer)
	window := browsers(t)
	v := window(1280, 900)
	v.do("be Japanese", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": "ja"}})
		return err
	}))
	v.do("open the console", chromedp.Navigate(base+consoleX))
	v.waits("the words", shown("data-keys=may-not")+` && document.querySelector("[data-keys=may-not]").innerText.includes("閲覧専用")`)
	v.waits("the greeting", says("compute-1 login:"))
	v.do("type", chromedp.Click("[data-screen]"), chromedp.KeyEvent("lost"+kb.Enter))
	v.waits("no button for the keyboard", `document.querySelector("[data-take]").hidden`)
	v.shot("console-ja")

	axe, err := os.ReadFile("../node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("%v: run make assets", err)
	}
	v.do("load axe", evaluate(string(axe)))
	found, err := chromedp.Run(v, chromedp.Evaluate[string](`axe.run(".console").then((r) => r.violations.map((x) => x.id + ": " + x.help + " " + x.nodes.map((n) => n.html).join(" ")).join("\n"))`, chromedp.EvalAwaitPromise))
	if err != nil || found != "" {
		t.Errorf("accessibility: %v %s", err, found)
	}

	plain := window(1280, 900)
	plain.do("switch scripts off", withoutScript())
	plain.do("open the console", chromedp.Navigate(base+consoleX))
	text, err := chromedp.Run(plain, chromedp.Text("[data-tail]"))
	if err != nil || !strings.Contains(text, "compute-1 login:") || strings.Contains(text, "lost") {
		t.Errorf("without script the console reads %q, %v", text, err)
	}
	plain.shot("console-plain")
}
