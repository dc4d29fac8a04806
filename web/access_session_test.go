package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sandai/inventory"
	"sandai/web"
	"sandai/web/webtest"
)

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
