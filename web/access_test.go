package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

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
	if d := cmp.Diff([]string{"POST /api/v1/session/password", "POST /login", "POST /logout", "POST /setup"}, viewers); d != "" {
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

func TestSetup(t *testing.T) {
	d := newDoor(t)
	if w := d.ask("GET", "/login", ""); w.Header().Get("Location") != "/setup" {
		t.Errorf("with no user /login leads to %q", w.Header().Get("Location"))
	}
	d.m.SetSetupCode("CODE")
	if w := d.ask("GET", "/setup?code=CO%22DE", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `value="CO&#34;DE"`) || strings.Contains(w.Body.String(), "サーバー") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := d.ask("GET", "/setup", "", "Accept-Language", "ja"); !strings.Contains(w.Body.String(), "初期設定") || !strings.Contains(w.Body.String(), `lang="ja"`) {
		t.Errorf("%s", w.Body)
	}
	form := func(code, name, password, again string) string {
		return url.Values{"code": {code}, "name": {name}, "password": {password}, "again": {again}}.Encode()
	}
	for name, tt := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"wrong code":     {form("COD", "ann", goodPassword, goodPassword), 401, "setup code"},
		"no code":        {form("", "ann", goodPassword, goodPassword), 401, "setup code"},
		"short":          {form("CODE", "ann", "too short", "too short"), 422, "needs 15"},
		"not the same":   {form("CODE", "ann", goodPassword, goodPassword+"r"), 422, "differ"},
		"no name":        {form("CODE", "", goodPassword, goodPassword), 422, "name"},
		"far too long":   {form("CODE", "ann", strings.Repeat("a b c d e", 9000), "x"), 413, "too large"},
		"too long":       {form("CODE", "ann", strings.Repeat("a b c d e", 30), strings.Repeat("a b c d e", 30)), 422, "256 are enough"},
		"nothing at all": {"", 422, "characters"},
	} {
		w := d.ask("POST", "/setup", tt.body)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) || w.Header().Get("Set-Cookie") != "" || strings.Contains(w.Body.String(), goodPassword) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	w := d.ask("POST", "/setup", form(" code\n", "Ann", goodPassword, goodPassword))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	d.status("the session", d.ask("GET", "/api/v1/users", "", "Cookie", cookie(w)), 200)
	if got := d.audit("ann"); len(got) != 1 || got[0].Path != "/setup" || got[0].Status != 303 || got[0].Summary != "Make the first user" {
		t.Errorf("the audit log has %v", got)
	}
	if w := d.ask("GET", "/setup?code=CODE", ""); w.Header().Get("Location") != "/login" {
		t.Errorf("a second time: %d", w.Code)
	}
	d.status("the code again", d.ask("POST", "/setup", form("CODE", "eve", goodPassword, goodPassword)), 409)
}

func TestSignIn(t *testing.T) {
	d := newDoor(t)
	d.setUp("ann")
	w := d.signIn(" Ann ", goodPassword)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/racks/demo?node=a" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	set := w.Header().Get("Set-Cookie")
	for _, want := range []string{"sandai=", "Path=/", "HttpOnly", "SameSite=Lax", "Max-Age="} {
		if !strings.Contains(set, want) {
			t.Errorf("the cookie %q has no %s", set, want)
		}
	}
	first := cookie(w)
	var info web.SessionInfo
	if w := d.ask("GET", "/api/v1/session", "", "Cookie", first); json.Unmarshal(w.Body.Bytes(), &info) != nil || info.Name != "ann" || info.Role != inventory.Admin || info.Via != "session" || info.Expires == nil {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	d.status("the page", d.ask("GET", "/racks/demo", "", "Cookie", first), 200)
	if w := d.ask("GET", "/login?next=/runs", "", "Cookie", first); w.Header().Get("Location") != "/runs" {
		t.Errorf("signed in already: %d %v", w.Code, w.Header())
	}
	// Signing in again in the same browser ends the session before.
	second := d.ask("POST", "/login", url.Values{"name": {"ann"}, "password": {goodPassword}}.Encode(), "Cookie", first)
	d.status("again", second, 303)
	d.status("the old session", d.ask("GET", "/api/v1/racks", "", "Cookie", first), 401)
	d.status("the new one", d.ask("GET", "/api/v1/racks", "", "Cookie", cookie(second)), 200)
	out := d.ask("POST", "/logout", "", "Cookie", cookie(second))
	if out.Code != 303 || out.Header().Get("Location") != "/login" || !strings.Contains(out.Header().Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("sign out: %d %v", out.Code, out.Header())
	}
	d.status("after sign-out", d.ask("GET", "/api/v1/racks", "", "Cookie", cookie(second)), 401)

	var bodies []string
	for _, who := range [][2]string{{"ann", goodPassword + "r"}, {"ann", ""}, {"nobody", goodPassword}, {"nobody' OR 1=1 --", "x"}} {
		w := d.signIn(who[0], who[1])
		if w.Code != 401 || w.Header().Get("Set-Cookie") != "" || !strings.Contains(w.Body.String(), "Name or password is wrong") {
			t.Errorf("%v: %d %s", who, w.Code, w.Body)
		}
		bodies = append(bodies, strings.ReplaceAll(w.Body.String(), `value="`+who[0]+`"`, ""))
	}
	if bodies[0] != bodies[2] {
		t.Error("an unknown name is told from a wrong password")
	}
}

// TestNext: a sign-in never leads to another site.
func TestNext(t *testing.T) {
	d := newDoor(t)
	d.setUp("ann")
	for next, want := range map[string]string{
		"/runs?a=b": "/runs?a=b", "": "/", "//evil.example/": "/", "https://evil.example/": "/", `/\evil.example`: "/", "javascript:alert(1)": "/",
		"evil": "/", "/\t/evil.example": "/", "/\n//evil.example": "/", "///evil.example": "/",
	} {
		w := d.ask("POST", "/login", url.Values{"name": {"ann"}, "password": {goodPassword}, "next": {next}}.Encode(), "From", "192.0.2.1", "Authorization", "Bearer "+d.m.NewToken(inventory.Viewer))
		if w.Code != 303 || w.Header().Get("Location") != want {
			t.Errorf("%q leads to %q, want %q (%d)", next, w.Header().Get("Location"), want, w.Code)
		}
	}
}

// TestSecureCookie: over TLS the cookie is bound to the host and to TLS.
func TestSecureCookie(t *testing.T) {
	d := newDoor(t)
	d.setUp("ann")
	s := httptest.NewTLSServer(d.h)
	defer s.Close()
	c := s.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := c.PostForm(s.URL+"/login", url.Values{"name": {"ann"}, "password": {goodPassword}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	set := res.Header.Get("Set-Cookie")
	if !strings.HasPrefix(set, "__Host-sandai=") || !strings.Contains(set, "; Secure") || strings.Contains(set, "Domain") {
		t.Errorf("%d %q", res.StatusCode, set)
	}
}

func TestSessionExpires(t *testing.T) {
	for name, tt := range map[string]struct {
		age, idle time.Duration
		status    int
	}{
		"in use":   {6 * 24 * time.Hour, 7 * time.Hour, 200},
		"idle":     {9 * time.Hour, 9 * time.Hour, 401},
		"too old":  {8 * 24 * time.Hour, 0, 401},
		"just now": {0, 0, 200},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			c := d.setUp("ann")
			d.m.ShiftSessions(tt.age, tt.idle)
			d.status("a look", d.ask("GET", "/api/v1/racks", "", "Cookie", c), tt.status)
			if tt.status == 200 { // and that look was a use
				d.m.ShiftSessions(0, 7*time.Hour+59*time.Minute-time.Second)
				d.status("another look", d.ask("GET", "/api/v1/racks", "", "Cookie", c), 200)
			}
		})
	}
}

func TestUsers(t *testing.T) {
	d := newDoor(t)
	admin := d.setUp("ann")
	d.addUser(admin, "bob", inventory.Viewer)
	bob := cookie(d.signIn("bob", goodPassword))
	call := func(method, path, body string) *httptest.ResponseRecorder {
		return d.ask(method, "/api/v1"+path, body, "Cookie", admin)
	}
	list := call("GET", "/users", "")
	if !strings.Contains(list.Body.String(), `"name":"bob","role":"viewer"`) || strings.Contains(list.Body.String(), "argon2id") || strings.Contains(strings.ToLower(list.Body.String()), "password") {
		t.Errorf("%s", list.Body)
	}
	d.status("twice", call("POST", "/users", `{"name":"bob","role":"viewer","password":"`+goodPassword+`"}`), 409)
	d.status("short", call("POST", "/users", `{"name":"eve","role":"viewer","password":"short"}`), 422)
	d.status("no such role", call("POST", "/users", `{"name":"eve","role":"root","password":"`+goodPassword+`"}`), 422)
	d.status("of nobody", call("PATCH", "/users/eve", `{"role":"viewer"}`), 404)
	d.status("last admin's role", call("PATCH", "/users/ann", `{"role":"viewer"}`), 409)
	d.status("last admin", call("DELETE", "/users/ann", ""), 409)

	// A role holds from the next request on, a password ends the sessions.
	d.status("bob before", d.ask("POST", "/api/v1/nodes/controller-1/power", `{"op":"on"}`, "Cookie", bob), 403)
	d.status("make operator", call("PATCH", "/users/bob", `{"role":"operator"}`), 200)
	d.status("bob after", d.ask("POST", "/api/v1/nodes/controller-1/power", `{"op":"on"}`, "Cookie", bob), 204)
	d.status("new password", call("PATCH", "/users/bob", `{"password":"another long sentence here"}`), 200)
	d.status("bob's session", d.ask("GET", "/api/v1/racks", "", "Cookie", bob), 401)
	d.status("old password", d.signIn("bob", goodPassword), 401)
	again := d.signIn("bob", "another long sentence here")
	d.status("new password", again, 303)

	// One's own.
	bob = cookie(again)
	own := func(old, new string) *httptest.ResponseRecorder {
		return d.ask("POST", "/api/v1/session/password", fmt.Sprintf(`{"old":%q,"new":%q}`, old, new), "Cookie", bob)
	}
	d.status("old is wrong", own(goodPassword, "yet another sentence now"), 403)
	d.status("new is short", own("another long sentence here", "short"), 422)
	d.status("own password", own("another long sentence here", "yet another sentence now"), 204)
	d.status("after it", d.ask("GET", "/api/v1/racks", "", "Cookie", bob), 401)
	again = d.signIn("bob", "yet another sentence now")
	d.status("the new one", again, 303)
	d.status("remove", call("DELETE", "/users/bob", ""), 204)
	d.status("a removed user's session", d.ask("GET", "/api/v1/racks", "", "Cookie", cookie(again)), 401)
	d.status("a removed user", d.signIn("bob", "yet another sentence now"), 401)
}

func TestTokens(t *testing.T) {
	d := newDoor(t)
	admin := d.setUp("ann")
	d.addUser(admin, "bob", inventory.Operator)
	bob := cookie(d.signIn("bob", goodPassword))
	make := func(as, body string) (*httptest.ResponseRecorder, web.MadeToken) {
		w := d.ask("POST", "/api/v1/tokens", body, "Cookie", as)
		var m web.MadeToken
		_ = json.Unmarshal(w.Body.Bytes(), &m) // the status is looked at
		return w, m
	}
	w, ci := make(bob, `{"name":"ci","role":"operator","days":30}`)
	if w.Code != 200 || !strings.HasPrefix(ci.Text, "sandai_") || ci.Owner != "bob" || ci.Expires == nil {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	power := func(token string) *httptest.ResponseRecorder {
		return d.ask("POST", "/api/v1/nodes/controller-1/power", `{"op":"on"}`, "Authorization", "Bearer "+token)
	}
	d.status("use", power(ci.Text), 204)
	if got := d.audit("bob"); got[0].Via != "token ci" {
		t.Errorf("the audit log has %v", got[0])
	}
	for _, wrong := range []string{ci.Text + "x", "", "sandai_", strings.ToLower(ci.Text)} {
		d.status("a wrong token", power(wrong), 401)
	}
	d.status("not Bearer", d.ask("GET", "/api/v1/racks", "", "Authorization", "Basic "+ci.Text), 401)
	d.status("a wrong token with a good cookie", d.ask("GET", "/api/v1/racks", "", "Authorization", "Bearer x", "Cookie", bob), 401)
	w, _ = make(bob, `{"name":"x","role":"admin"}`)
	d.status("more than oneself", w, 403)
	w, _ = make(bob, `{"name":"x","role":"viewer","user":"ann"}`)
	d.status("for another", w, 403)
	w, forBob := make(admin, `{"name":"monitor","role":"viewer","user":"bob"}`)
	d.status("an admin for another", w, 200)
	w, _ = make(admin, `{"name":"x","role":"admin","user":"bob"}`)
	d.status("more than the other", w, 422)
	_, anns := make(admin, `{"name":"mine","role":"admin"}`)

	bobs := d.ask("GET", "/api/v1/tokens", "", "Cookie", bob).Body.String()
	all := d.ask("GET", "/api/v1/tokens", "", "Cookie", admin).Body.String()
	if !strings.Contains(bobs, `"ci"`) || !strings.Contains(bobs, `"monitor"`) || strings.Contains(bobs, `"mine"`) || !strings.Contains(all, `"ci"`) || !strings.Contains(all, `"mine"`) {
		t.Errorf("bob sees %s\nann sees %s", bobs, all)
	}
	if strings.Contains(all, "sandai_") || strings.Contains(all, "hash") {
		t.Errorf("the list tells of secrets: %s", all)
	}
	remove := func(as string, id uint) int {
		return d.ask("DELETE", fmt.Sprintf("/api/v1/tokens/%d", id), "", "Cookie", as).Code
	}
	if got := []int{remove(bob, anns.ID), remove(bob, ci.ID), remove(bob, ci.ID), remove(admin, forBob.ID)}; !slices.Equal(got, []int{404, 204, 404, 204}) {
		t.Errorf("removing: %v", got)
	}
	d.status("a removed token", power(ci.Text), 401)

	// An owner's role and end are the token's too.
	_, tok := make(bob, `{"name":"late","role":"operator"}`)
	d.ask("PATCH", "/api/v1/users/bob", `{"role":"viewer"}`, "Cookie", admin)
	d.status("of a viewer", power(tok.Text), 403)
	d.ask("DELETE", "/api/v1/users/bob", "", "Cookie", admin)
	d.status("of nobody any more", power(tok.Text), 401)
}

func TestTokenExpires(t *testing.T) {
	d := newDoor(t)
	end := time.Now().Add(-time.Second)
	text := d.m.NewToken(inventory.Viewer)
	all, err := d.m.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	late := all[len(all)-1]
	late.Expires = &end
	if err := d.m.DeleteToken(t.Context(), late.ID); err != nil {
		t.Fatal(err)
	}
	if err := d.m.CreateToken(t.Context(), &late); err != nil {
		t.Fatal(err)
	}
	if w := d.ask("GET", "/api/v1/racks", "", "Authorization", "Bearer "+text); w.Code != 401 || !strings.Contains(w.Body.String(), "expired") {
		t.Errorf("%d %s", w.Code, w.Body)
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

func TestAudit(t *testing.T) {
	d := newDoor(t)
	admin := d.setUp("ann")
	d.ask("POST", "/api/v1/nodes/controller-1/power?rack=demo", `{"op":"on"}`, "Cookie", admin, "From", "192.0.2.77")
	d.ask("GET", "/api/v1/racks", "", "Cookie", admin)
	d.signIn("ann", "wrong"+goodPassword)
	d.signIn("my password by mistake", "x")
	var list []inventory.AuditEntry
	page := func(query string) string {
		w := d.ask("GET", "/api/v1/audit"+query, "", "Cookie", admin)
		list = nil
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		var out []string
		for _, e := range list {
			out = append(out, fmt.Sprintf("%s|%s|%s %s|%s|%d", e.Who, e.Via, e.Method, e.Path, e.Summary, e.Status))
		}
		return strings.Join(out, "\n")
	}
	all := []string{
		"||POST /login|Sign in|401",
		"ann||POST /login|Sign in|401",
		"ann|session|POST /api/v1/nodes/controller-1/power|Switch a node through its BMC; the answer comes when the BMC shows the change|204",
		"ann|session|POST /setup|Make the first user|303",
	}
	if d := cmp.Diff(strings.Join(all, "\n"), page("")); d != "" {
		t.Error(d)
	}
	if list[2].Address != "192.0.2.77" || time.Since(list[2].Time) > time.Minute {
		t.Errorf("%+v", list[2])
	}
	if got := page("?who=ann&limit=1"); got != all[1] {
		t.Error(got)
	}
	if got := page(fmt.Sprintf("?who=ann&limit=1&before=%d", list[0].ID)); got != all[2] {
		t.Error(got)
	}
	if got := page("?who=-"); got != all[0] {
		t.Error(got)
	}
}

// TestAuditFirst: what cannot be written down is not done.
func TestAuditFirst(t *testing.T) {
	d := newDoor(t)
	h := web.NewAPI(func() web.Config { c := config(d.m); c.Access = unwritten{d.m}; return c }())
	r := httptest.NewRequest("POST", "/api/v1/nodes/controller-1/power", strings.NewReader(`{"op":"on"}`))
	r.Header.Set("Authorization", "Bearer "+d.m.NewToken(inventory.Admin))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if state, err := d.m.PowerState(t.Context(), "demo", "controller-1"); w.Code != 503 || state != "off" || err != nil {
		t.Errorf("%d %s, the node is %s (%v)", w.Code, w.Body, state, err)
	}
	d.m.BreakAccess(inventory.Errorf(inventory.Unavailable, "the disk is gone"))
	d.status("a look", d.ask("GET", "/api/v1/racks", "", "Cookie", "sandai=x"), 503)
	d.status("a look at the page", d.ask("GET", "/", "", "Cookie", "sandai=x"), 503)
}

type unwritten struct{ *webtest.Memory }

func (unwritten) AppendAudit(_ context.Context, _ *inventory.AuditEntry) error {
	return inventory.Errorf(inventory.Unavailable, "the disk is full")
}

// TestNoSecrets: no password, token, cookie or code is in an answer, the audit
// log or what is kept.
func TestNoSecrets(t *testing.T) {
	var log bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	d := newDoor(t)
	admin := d.setUp("ann")
	_, secret, _ := strings.Cut(admin, "=")
	var seen strings.Builder
	for _, r := range [][3]string{
		{"POST", "/api/v1/users", `{"name":"bob","role":"viewer","password":"` + goodPassword + `"}`},
		{"POST", "/api/v1/users", `{"name":"bob","role":"viewer","password":"` + goodPassword + `"}`}, // a second time
		{"POST", "/api/v1/users", `{"name":"eve","rule":"viewer","password":"` + goodPassword + `"}`}, // a wrong field
		{"POST", "/api/v1/users", `{"name":"eve","role":7,"password":"` + goodPassword + `"}`},
		{"POST", "/api/v1/users", `{"name":"eve","role":"viewer","password":["` + goodPassword + `"]}`},
		{"POST", "/api/v1/users", `{"name":"eve","password":"` + goodPassword + `"`},
		{"PATCH", "/api/v1/users/bob", `{"password":"` + goodPassword + `"}`},
		{"POST", "/api/v1/session/password", `{"old":"x` + goodPassword + `","new":"` + goodPassword + `"}`},
		{"POST", "/login", url.Values{"name": {"ann"}, "password": {goodPassword + "x"}}.Encode()},
		{"GET", "/api/v1/users", ""}, {"GET", "/api/v1/tokens", ""}, {"GET", "/api/v1/audit", ""}, {"GET", "/api/v1/session", ""}, {"GET", "/", ""},
	} {
		seen.WriteString(d.ask(r[0], r[1], r[2], "Cookie", admin).Body.String())
	}
	kept, err := d.m.Audit(t.Context(), nil, 0, 1000)
	if err != nil || len(kept) < 8 {
		t.Fatal(kept, err)
	}
	fmt.Fprintf(&seen, "%+v %s", kept, log.String())
	for _, s := range []string{goodPassword, url.QueryEscape(goodPassword), secret, "argon2id$"} {
		if i := strings.Index(seen.String(), s); i >= 0 {
			t.Errorf("%q is seen: …%s…", s, seen.String()[max(0, i-100):min(seen.Len(), i+100)])
		}
	}
}

// TestStreamsEnd: what was let in by a session or a token does not outlive it.
func TestStreamsEnd(t *testing.T) {
	d := newDoor(t)
	admin := d.setUp("ann")
	srv := httptest.NewServer(d.h)
	defer srv.Close()
	streams := 0
	for name, tt := range map[string]struct {
		change func(bob string, token web.MadeToken) *httptest.ResponseRecorder
		by     string // what the stream is let in with
		ends   bool
	}{
		"sign-out": {func(bob string, _ web.MadeToken) *httptest.ResponseRecorder {
			return d.ask("POST", "/logout", "", "Cookie", bob)
		}, "session", true},
		"another's sign-out": {func(string, web.MadeToken) *httptest.ResponseRecorder { return cutOther(d) }, "session", false},
		"password": {func(string, web.MadeToken) *httptest.ResponseRecorder {
			return d.ask("PATCH", "/api/v1/users/bob", `{"password":"`+goodPassword+`"}`, "Cookie", admin)
		}, "session", true},
		"password, by token": {func(string, web.MadeToken) *httptest.ResponseRecorder {
			return d.ask("PATCH", "/api/v1/users/bob", `{"password":"`+goodPassword+`"}`, "Cookie", admin)
		}, "token", false},
		"role": {func(string, web.MadeToken) *httptest.ResponseRecorder {
			return d.ask("PATCH", "/api/v1/users/bob", `{"role":"viewer"}`, "Cookie", admin)
		}, "token", true},
		"token removed": {func(_ string, m web.MadeToken) *httptest.ResponseRecorder {
			return d.ask("DELETE", fmt.Sprintf("/api/v1/tokens/%d", m.ID), "", "Cookie", admin)
		}, "token", true},
		"user removed, token": {func(string, web.MadeToken) *httptest.ResponseRecorder {
			return d.ask("DELETE", "/api/v1/users/bob", "", "Cookie", admin)
		}, "token", true},
	} {
		t.Run(name, func(t *testing.T) {
			d.T = t
			d.addUser(admin, "bob", inventory.Operator)
			bob := cookie(d.signIn("bob", goodPassword))
			var token web.MadeToken
			if err := json.Unmarshal(d.ask("POST", "/api/v1/tokens", `{"name":"ci","role":"operator"}`, "Cookie", bob).Body.Bytes(), &token); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "GET", srv.URL+"/api/v1/events/stream", nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.by == "token" {
				req.Header.Set("Authorization", "Bearer "+token.Text)
			} else {
				req.Header.Set("Cookie", bob)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil || res.StatusCode != 200 {
				t.Fatal(res, err)
			}
			defer res.Body.Close()
			streams++
			if w := tt.change(bob, token); w.Code >= 400 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			lines := bufio.NewScanner(res.Body)
			if tt.ends {
				for lines.Scan() { // to the end, which comes before the test's own
				}
				if lines.Err() != nil {
					t.Errorf("the stream did not end: %v", lines.Err())
				}
			} else {
				// One that goes on hears of what happens after the change.
				d.m.AddEvent(inventory.Event{Time: webtest.T0, Type: inventory.EventRun, Text: "after " + name})
				for lines.Scan() && !strings.Contains(lines.Text(), "after "+name) {
				}
				if !strings.Contains(lines.Text(), "after "+name) {
					t.Errorf("the stream ended: %v", lines.Err())
				}
			}
			d.ask("DELETE", "/api/v1/users/bob", "", "Cookie", admin)
		})
	}
	if streams != 7 {
		t.Errorf("%d streams were looked at", streams)
	}
}

// cutOther signs another user in and out.
func cutOther(d *door) *httptest.ResponseRecorder {
	return d.ask("POST", "/logout", "", "Cookie", cookie(d.signIn("ann", goodPassword)))
}
