package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
	"sandai/web"
	"sandai/web/webtest"
)

const goodPassword = "correct horse battery staple"

// door is the API with nobody signed in.
type door struct {
	*testing.T
	m *webtest.Memory
	h http.Handler
	n int // requests from ever new addresses
}

func newDoor(t *testing.T) *door {
	m := installed()
	return &door{t, m, web.NewAPI(config(m)), 0}
}

// ask sends a request: headers in pairs, among them "From", the remote address.
func (d *door) ask(method, path, body string, header ...string) *httptest.ResponseRecorder {
	d.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "192.0.2.200:8080"
	d.n++
	r.RemoteAddr = fmt.Sprintf("192.0.%d.%d:4711", 10+d.n/250, d.n%250)
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/json")
	} else if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "From" {
			r.RemoteAddr = header[i+1] + ":4711"
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, r)
	return w
}

// setUp makes the first user by the page, and returns the session's cookie.
func (d *door) setUp(name string) string {
	d.Helper()
	d.m.SetSetupCode("CODE")
	w := d.ask("POST", "/setup", url.Values{"code": {"code"}, "name": {name}, "password": {goodPassword}, "again": {goodPassword}}.Encode())
	if w.Code != http.StatusSeeOther {
		d.Fatalf("set up: %d %s", w.Code, w.Body)
	}
	return cookie(w)
}

func (d *door) addUser(admin, name string, role inventory.UserRole) {
	d.Helper()
	if w := d.ask("POST", "/api/v1/users", fmt.Sprintf(`{"name":%q,"role":%q,"password":%q}`, name, role, goodPassword), "Cookie", admin); w.Code != 200 {
		d.Fatalf("add %s: %d %s", name, w.Code, w.Body)
	}
}

func (d *door) signIn(name, password string) *httptest.ResponseRecorder {
	d.Helper()
	return d.ask("POST", "/login", url.Values{"name": {name}, "password": {password}, "next": {"/racks/demo?node=a"}}.Encode())
}

func (d *door) audit(who string) (out []inventory.AuditEntry) {
	d.Helper()
	list, err := d.m.Audit(d.Context(), &who, 0, 1000)
	if err != nil {
		d.Fatal(err)
	}
	return list
}

func (d *door) status(what string, w *httptest.ResponseRecorder, want int) {
	d.Helper()
	if w.Code != want {
		d.Errorf("%s: %d %s, want %d", what, w.Code, w.Body, want)
	}
}

func cookie(w *httptest.ResponseRecorder) string {
	c, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	return c
}

// unsafeRoutes are all routes that change something: the operations of the
// OpenAPI document, so that a new one cannot be forgotten, and the others.
func (d *door) unsafeRoutes() (out [][2]string) {
	d.Helper()
	w := d.ask("GET", "/openapi.json", "", "Authorization", "Bearer "+d.m.NewToken(inventory.Viewer))
	var doc struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		d.Fatal(err)
	}
	for path, item := range doc.Paths {
		for method := range item {
			if method != "get" {
				out = append(out, [2]string{strings.ToUpper(method), strings.NewReplacer("{name}", "controller-1", "{id}", "1").Replace(path)})
			}
		}
	}
	if len(out) < 8 {
		d.Fatalf("the document names %d routes that change something", len(out))
	}
	for _, r := range web.Routes(d.h) {
		if method, path, _ := strings.Cut(r, " "); method != "GET" && !strings.HasPrefix(path, "/api/") {
			out = append(out, [2]string{method, strings.NewReplacer(":", "x", "*", "x").Replace(path)})
		}
	}
	out = append(out, [2]string{"POST", "/api/v1/nodes/controller-1/console"}, [2]string{"POST", "/nothing"}, [2]string{"PROPFIND", "/"})
	slices.SortFunc(out, func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) })
	return out
}

// TestSummaries: whatever a page changes has words in the audit log.
func TestSummaries(t *testing.T) {
	for _, r := range web.Routes(newDoor(t).h) {
		method, path, _ := strings.Cut(r, " ")
		if method != "GET" && !strings.HasPrefix(path, "/api/") && !web.HasSummary(r) {
			t.Errorf("%s has no summary for the audit log: add it to rules in web/access.go", r)
		}
	}
}

// TestNobodyAndViewers: whatever changes something is refused for nobody and for
// a viewer, except for what is listed here; and each try is in the audit log.
func TestNobodyAndViewers(t *testing.T) {
	d := newDoor(t)
	var nobody, viewers []string
	token := d.m.NewToken(inventory.Viewer)
	for _, r := range d.unsafeRoutes() {
		name := r[0] + " " + r[1]
		before := len(d.audit(""))
		w := d.ask(r[0], r[1], "")
		led := w.Code == http.StatusSeeOther && strings.HasPrefix(w.Header().Get("Location"), "/login")
		if w.Code != http.StatusUnauthorized && !led || r[1] == "/login" {
			nobody = append(nobody, name)
		}
		if got := d.audit(""); len(got) != before+1 || got[0].Method+" "+got[0].Path != name || got[0].Status == 0 || got[0].Address == "" {
			t.Errorf("%s of nobody: the audit log has %v", name, got[:min(1, len(got))])
		}
		before = len(d.audit("test"))
		if w := d.ask(r[0], r[1], "", "Authorization", "Bearer "+token); w.Code != http.StatusForbidden {
			viewers = append(viewers, name)
		}
		if got := d.audit("test"); len(got) != before+1 || got[0].Method+" "+got[0].Path != name || got[0].Via != "token test" {
			t.Errorf("%s of a viewer: the audit log has %v", name, got[:min(1, len(got))])
		}
	}
	if d := cmp.Diff([]string{"POST /login", "POST /setup"}, nobody); d != "" {
		t.Errorf("open to nobody (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"POST /api/v1/session/password", "POST /login", "POST /logout", "POST /settings/password", "POST /setup"}, viewers); d != "" {
		t.Errorf("open to viewers (-want +got):\n%s", d)
	}
}

// TestNobodyReads: of what is read too, only this is open.
func TestNobodyReads(t *testing.T) {
	d := newDoor(t)
	var open []string
	for _, r := range web.Routes(d.h) {
		method, path, _ := strings.Cut(r, " ")
		if method != "GET" {
			continue
		}
		switch w := d.ask("GET", strings.NewReplacer(":", "x", "*", "x").Replace(path), ""); {
		case w.Code == http.StatusUnauthorized && strings.HasPrefix(w.Body.String(), `{"code":"unauthorised"`):
		case w.Code == http.StatusSeeOther && strings.HasPrefix(w.Header().Get("Location"), "/login"):
		default:
			open = append(open, path)
		}
	}
	slices.Sort(open)
	want := []string{"/api/v1/healthz", "/api/v1/version", "/login", "/setup"}
	open = slices.DeleteFunc(open, func(p string) bool { return strings.HasPrefix(p, "/assets/") })
	if d := cmp.Diff(want, open); d != "" {
		t.Errorf("open to nobody (-want +got):\n%s", d)
	}
	for path, to := range map[string]string{"/": "/login", "/?rack=a&b=c": "/login", "/racks/demo?node=a%20b": "/login?next=%2Fracks%2Fdemo%3Fnode%3Da%2520b"} {
		if w := d.ask("GET", path, ""); w.Header().Get("Location") != to {
			t.Errorf("%s leads to %q, want %q", path, w.Header().Get("Location"), to)
		}
	}
	if w := d.ask("GET", "/racks/demo", "", "HX-Request", "true"); w.Code != 401 || w.Header().Get("HX-Redirect") != "/login?next=%2Fracks%2Fdemo" {
		t.Errorf("htmx: %d %v", w.Code, w.Header())
	}
	if w := d.ask("GET", "/live", "", "Accept", "text/event-stream"); w.Code != 401 {
		t.Errorf("an event stream: %d", w.Code)
	}
}

func TestRoles(t *testing.T) {
	d := newDoor(t)
	for _, tt := range []struct {
		role         inventory.UserRole
		method, path string
		body         string
		status       int
	}{
		{inventory.Viewer, "GET", "/api/v1/racks", "", 200},
		{inventory.Viewer, "GET", "/racks/demo", "", 200},
		{inventory.Viewer, "POST", "/api/v1/nodes/controller-1/power", `{"op":"on"}`, 403},
		{inventory.Viewer, "GET", "/api/v1/users", "", 403},
		{inventory.Viewer, "GET", "/api/v1/audit", "", 403},
		{inventory.Viewer, "POST", "/nothing", "", 403},
		{inventory.Operator, "POST", "/api/v1/nodes/controller-1/power", `{"op":"on"}`, 204},
		{inventory.Operator, "GET", "/api/v1/users", "", 403},
		{inventory.Operator, "POST", "/api/v1/users", `{"name":"ann","role":"admin","password":"` + goodPassword + `"}`, 403},
		{inventory.Operator, "POST", "/nothing", "", 404},
		{inventory.Admin, "GET", "/api/v1/users", "", 200},
		{inventory.Admin, "GET", "/api/v1/audit", "", 200},
		{inventory.Admin, "POST", "/api/v1/users", `{"name":"ann","role":"admin","password":"` + goodPassword + `"}`, 200},
	} {
		w := d.ask(tt.method, tt.path, tt.body, "Authorization", "Bearer "+d.m.NewToken(tt.role))
		d.status(fmt.Sprint(tt.role, " ", tt.method, " ", tt.path), w, tt.status)
	}
	// What is refused was not done.
	if state, err := d.m.PowerState(t.Context(), "demo", "controller-1"); err != nil || state != "on" {
		t.Error(state, err)
	}
}

// TestForeignPages: no page of another site changes anything with a person's
// session, not by a form, not by a websocket, and not by a name that points here.
func TestForeignPages(t *testing.T) {
	d := newDoor(t)
	admin := d.setUp("ann")
	const path, body = "/api/v1/nodes/controller-1/power", `{"op":"on"}`
	for name, header := range map[string][]string{
		"a foreign form":         {"Sec-Fetch-Site", "cross-site"},
		"another port":           {"Sec-Fetch-Site", "same-site"},
		"an old browser's":       {"Origin", "https://evil.example"},
		"a form of an old cache": {"Origin", "null"},
	} {
		w := d.ask("POST", path, body, append(header, "Cookie", admin)...)
		if w.Code != 403 || !strings.Contains(w.Body.String(), "another site") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if got := d.audit("ann")[0]; got.Status != 403 || got.Path != path {
			t.Errorf("%s: the audit log has %v", name, got)
		}
		d.status(name+" of who is not signed in", d.ask("POST", "/racks/demo/power", "op=off", header...), 403)
		d.status(name+" to sign in", d.ask("POST", "/login", "name=ann&password=x", header...), 403)
		d.status(name+" by a websocket", d.ask("GET", "/racks/demo/nodes/controller-1/console/ws", "", append(header, "Cookie", admin, "Connection", "Upgrade", "Upgrade", "websocket")...), 403)
	}
	d.status("a rebound name, to which no cookie is sent", d.ask("POST", path, body, "Sec-Fetch-Site", "same-origin"), 401)
	for _, header := range [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}, {"Origin", "https://192.0.2.200:8080"}, nil} {
		d.status(fmt.Sprint("our own page: ", header), d.ask("POST", path, body, append(header, "Cookie", admin)...), 204)
	}
}

// TestRateLimit: from one address, and against one user.
func TestRateLimit(t *testing.T) {
	d := newDoor(t)
	admin := d.setUp("ann")
	count := func(n int, ask func(i int) *httptest.ResponseRecorder) (tooMany int) {
		for i := range n {
			if w := ask(i); w.Code == http.StatusTooManyRequests {
				tooMany++
				if w.Header().Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			}
		}
		return tooMany
	}
	try := func(path, from, name string) *httptest.ResponseRecorder {
		return d.ask("POST", path, url.Values{"name": {name}, "password": {""}, "code": {"x"}}.Encode(), "From", from)
	}
	if n := count(40, func(i int) *httptest.ResponseRecorder { return try("/login", "198.51.100.1", fmt.Sprint("u", i)) }); n < 25 {
		t.Errorf("of 40 sign-ins from one address %d were refused", n)
	}
	before := len(d.audit(""))
	if n := count(40, func(int) *httptest.ResponseRecorder { return try("/login", "198.51.100.1", "ann") }); n < 35 {
		t.Errorf("then of 40 more %d", n)
	}
	if n := len(d.audit("")) - before; n > 5 {
		t.Errorf("a flood wrote %d entries into the audit log", n)
	}
	if n := count(40, func(int) *httptest.ResponseRecorder { return try("/setup", "198.51.100.2", "ann") }); n < 25 {
		t.Errorf("of 40 setup codes from one address %d were refused", n)
	}
	if n := count(40, func(i int) *httptest.ResponseRecorder { return try("/login", fmt.Sprint("203.0.113.", i), "ann") }); n < 10 {
		t.Errorf("of 40 sign-ins of one user from many addresses %d were refused", n)
	}
	// Who is signed in is not touched by it, not at the flood's address either.
	d.status("ann", d.ask("POST", "/api/v1/nodes/controller-1/power", `{"op":"on"}`, "Cookie", admin, "From", "198.51.100.1"), 204)
}
