package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sandai/inventory"
	"sandai/web"
	"sandai/web/webtest"
)

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
