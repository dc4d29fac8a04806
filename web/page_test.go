package web

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"sandai/inventory"
	"sandai/web/page"
	"sandai/web/webtest"
)

// browse asks a page of an appliance for something and follows nothing.
func browse(h http.Handler, method, path string, form url.Values, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:8080"+path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func pagesFor(m *webtest.Memory, role inventory.UserRole) http.Handler {
	return m.As(role, NewAPI(Config{Racks: m, Runs: m, Events: m, Installer: m, Power: m, Access: m, Cloud: m, Calls: m, Sensors: m, Control: m, Images: m, Interfaces: m, Wires: m, Backups: sealed{}}))
}

func TestPagesServed(t *testing.T) {
	m := webtest.New()
	h := pagesFor(m, inventory.Viewer)
	if w := browse(h, "GET", "/", nil); w.Code != 200 || !strings.Contains(w.Body.String(), "No rack yet") {
		t.Errorf("no rack: %d %s", w.Code, w.Body)
	}
	if w := browse(h, "GET", page.AssetURL("app.css"), nil); w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("app.css: %d %v", w.Code, w.Header())
	}
	for _, name := range []string{"htmx.min.js", "idiomorph-ext.min.js", "live.js", "rack.js", "icon.svg"} {
		if w := browse(h, "GET", page.AssetURL(name), nil); w.Code != 200 || w.Body.Len() == 0 {
			t.Errorf("%s at %q: %d", name, page.AssetURL(name), w.Code)
		}
	}
	m.AddRack(webtest.Rack("demo"))
	if w := browse(h, "GET", "/", nil); w.Code != 303 || w.Header().Get("Location") != "/racks/demo" {
		t.Errorf("home: %d %v", w.Code, w.Header())
	}
	if w := browse(h, "GET", "/racks/demo", nil); w.Code != 200 || !strings.Contains(w.Body.String(), "Not installed") {
		t.Errorf("a new rack: %d %s", w.Code, w.Body)
	}
	if w := browse(h, "GET", "/racks/demo", nil, "Accept-Language", "ja"); !strings.Contains(w.Body.String(), "未インストール") {
		t.Errorf("in Japanese: %s", w.Body)
	}
	m.AddRun(inventory.Run{RackID: 1, Rack: "demo", State: inventory.RunActive, Created: webtest.T0, Attempt: 1}, webtest.Until(webtest.Steps(), 20))
	if w := browse(h, "GET", "/racks/demo?node=controller-1&tab=now", nil); w.Code != 200 || !strings.Contains(w.Body.String(), "controller-1/identity/keystone.sync") {
		t.Errorf("an active run: %d %s", w.Code, w.Body)
	}
	if w := browse(h, "GET", "/racks/x", nil); w.Code != 404 || !strings.Contains(w.Body.String(), "there is no rack x") {
		t.Errorf("no such rack: %d %s", w.Code, w.Body)
	}
	m.Break(inventory.Errorf(inventory.Unavailable, "the disk is full"))
	if w := browse(h, "GET", "/", nil); w.Code != 503 || !strings.Contains(w.Body.String(), "the disk is full") {
		t.Errorf("broken: %d %s", w.Code, w.Body)
	}
}

func TestLanguageIsKept(t *testing.T) {
	m := webtest.New()
	m.AddRack(webtest.Rack("demo"))
	h := pagesFor(m, inventory.Viewer)
	w := browse(h, "GET", "/racks/demo?lang=ja&node=compute-1", nil)
	if w.Code != 303 || w.Header().Get("Location") != "/racks/demo?node=compute-1" || !strings.Contains(w.Header().Get("Set-Cookie"), "lang=ja") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := browse(h, "GET", "/racks/demo?lang=xx", nil); w.Code != 200 {
		t.Errorf("an unknown language: %d", w.Code)
	}
	if w := browse(h, "GET", "//evil.example?lang=ja", nil); strings.HasPrefix(w.Header().Get("Location"), "//") {
		t.Errorf("led away to %s", w.Header().Get("Location"))
	}
}

// TestPowerWantsTheName: what interrupts a server is asked for twice.
func TestPowerWantsTheName(t *testing.T) {
	m := webtest.New()
	m.AddRack(webtest.Rack("demo"))
	h := pagesFor(m, inventory.Operator)
	state := func() string { s, _ := m.PowerState(t.Context(), "demo", "compute-1"); return s }
	if w := browse(h, "POST", "/racks/demo/power", url.Values{"node": {"compute-1"}, "op": {"on"}}); w.Code != 303 || state() != "on" {
		t.Fatalf("on: %d, %s", w.Code, state())
	}
	if w := browse(h, "POST", "/racks/demo/power", url.Values{"node": {"compute-1"}, "op": {"off"}}); w.Code != 422 || state() != "on" || !strings.Contains(w.Body.String(), "type compute-1") {
		t.Errorf("off without the name: %d, %s", w.Code, state())
	}
	if w := browse(h, "POST", "/racks/demo/power", url.Values{"node": {"compute-1"}, "op": {"off"}, "confirm": {"compute-1"}}); w.Code != 303 || state() != "off" {
		t.Errorf("off with the name: %d, %s", w.Code, state())
	}
	if w := browse(h, "POST", "/racks/demo/power", url.Values{"node": {"compute-1"}, "op": {"explode"}}); w.Code != 422 {
		t.Errorf("an unknown operation: %d", w.Code)
	}
}

// TestLive: a page hears at once that it is connected, and then of each change.
func TestLive(t *testing.T) {
	m := webtest.New()
	srv := httptest.NewServer(pagesFor(m, inventory.Viewer))
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", srv.URL+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for n := range 3 {
		for lines.Scan() && lines.Text() != "event: change" {
		}
		if lines.Text() != "event: change" {
			t.Fatalf("change %d did not come: %v", n, lines.Err())
		}
		m.AddEvent(inventory.Event{Type: inventory.EventPower, Text: "something"})
	}
}
