package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"sandai/inventory"
	"sandai/web/webtest"
)

const goodPassword, otherPassword = "three blank servers", "become one cloud soon"

func signInAs(t *testing.T, h http.Handler, name, password string) string {
	t.Helper()
	w := browse(h, "POST", "/login", url.Values{"name": {name}, "password": {password}})
	if w.Code != 303 || w.Header().Get("Set-Cookie") == "" {
		t.Fatalf("%s cannot sign in: %d %s", name, w.Code, w.Body)
	}
	return strings.SplitN(w.Header().Get("Set-Cookie"), ";", 2)[0]
}

func appliance(m *webtest.Memory) http.Handler {
	return NewAPI(Config{Racks: m, Runs: m, Events: m, Installer: m, Power: m, Access: m, Cloud: m, Calls: m, Sensors: m, Control: m, Images: m, About: About{State: "/state", Cache: "/cache", Fingerprint: "AB:CD"}})
}

func TestSettingsByRole(t *testing.T) {
	m := webtest.New()
	m.AddRack(webtest.Rack("demo"))
	for role, may := range map[inventory.UserRole]int{inventory.Viewer: 403, inventory.Operator: 403, inventory.Admin: 200} {
		h := pagesFor(m, role)
		for _, path := range []string{"/settings/users", "/settings/audit"} {
			if w := browse(h, "GET", path, nil); w.Code != may {
				t.Errorf("%s at %s: %d", role, path, w.Code)
			}
		}
		for _, path := range []string{"/settings", "/settings/appliance"} {
			w := browse(h, "GET", path, nil)
			if w.Code != 200 || strings.Contains(w.Body.String(), "/settings/users") != (role == inventory.Admin) {
				t.Errorf("%s at %s: %d %s", role, path, w.Code, w.Body)
			}
		}
		if w := browse(h, "POST", "/settings/users", url.Values{"name": {"new-" + string(role)}, "role": {"viewer"}, "password": {goodPassword}}); (w.Code == 303) != (role == inventory.Admin) {
			t.Errorf("%s adds a user: %d %s", role, w.Code, w.Body)
		}
		if w := browse(h, "POST", "/settings/tokens", url.Values{"name": {"t"}, "role": {"viewer"}}); (w.Code == 200) != (role != inventory.Viewer) {
			t.Errorf("%s makes a token: %d", role, w.Code)
		}
	}
	if users, _ := m.Users(t.Context()); len(users) != 1 {
		t.Errorf("users: %v", users)
	}
}

// TestPasswordEndsOtherSessions: who changes the password stays signed in, and
// nobody else who came with the old one.
func TestPasswordEndsOtherSessions(t *testing.T) {
	m := webtest.New()
	h := appliance(m)
	admin := m.As(inventory.Admin, h)
	if w := browse(admin, "POST", "/settings/users", url.Values{"name": {"eve"}, "role": {"viewer"}, "password": {goodPassword}}); w.Code != 303 {
		t.Fatalf("add: %d %s", w.Code, w.Body)
	}
	here, there := signInAs(t, h, "eve", goodPassword), signInAs(t, h, "eve", goodPassword)
	change := func(old, new, again string) (int, string, string) {
		w := browse(h, "POST", "/settings/password", url.Values{"old": {old}, "new": {new}, "again": {again}}, "Cookie", here)
		return w.Code, w.Body.String(), w.Header().Get("Set-Cookie")
	}
	if code, body, _ := change(goodPassword, otherPassword, "something else again"); code != 422 || !strings.Contains(body, "differs") {
		t.Errorf("typed differently: %d %s", code, body)
	}
	if code, body, _ := change("a wrong old password", otherPassword, otherPassword); code != 403 || !strings.Contains(body, "until now is another") {
		t.Errorf("the wrong old one: %d %s", code, body)
	}
	code, body, cookie := change(goodPassword, otherPassword, otherPassword)
	if code != 303 || cookie == "" {
		t.Fatalf("changed: %d %s", code, body)
	}
	if w := browse(h, "GET", "/settings?done=password", nil, "Cookie", strings.SplitN(cookie, ";", 2)[0]); w.Code != 200 || !strings.Contains(w.Body.String(), "Your password is changed") {
		t.Errorf("afterwards: %d %s", w.Code, w.Body)
	}
	for name, old := range map[string]string{"this browser's old session": here, "another browser's": there} {
		if w := browse(h, "GET", "/settings", nil, "Cookie", old); w.Code != 303 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	signInAs(t, h, "eve", otherPassword)
}

func TestTokenIsShownOnce(t *testing.T) {
	m := webtest.New()
	h := pagesFor(m, inventory.Operator)
	if w := browse(h, "POST", "/settings/tokens", url.Values{"name": {"up"}, "role": {"admin"}}); w.Code != 403 {
		t.Errorf("more than one's own role: %d", w.Code)
	}
	for field, v := range map[string]string{"name": "", "days": "-1"} {
		form := url.Values{"name": {"ci"}, "role": {"viewer"}, "days": {"3"}}
		form.Set(field, v)
		if w := browse(h, "POST", "/settings/tokens", form); w.Code != 422 {
			t.Errorf("%s %q: %d", field, v, w.Code)
		}
	}
	admin := pagesFor(m, inventory.Admin)
	w := browse(admin, "POST", "/settings/tokens", url.Values{"name": {"ci"}, "role": {"viewer"}, "days": {"3"}})
	found := regexp.MustCompile(`readonly[^>]* value="([^"]+)"`).FindStringSubmatch(w.Body.String())
	if w.Code != 200 || found == nil || w.Header().Get("HX-Push-Url") != "/settings" {
		t.Fatalf("made: %d %s", w.Code, w.Body)
	}
	if w := browse(h, "GET", "/events", nil, "Authorization", "Bearer "+found[1]); w.Code != 200 {
		t.Errorf("the token does not let in: %d", w.Code)
	}
	page := browse(admin, "GET", "/settings", nil).Body.String()
	if strings.Contains(page, found[1]) || !strings.Contains(page, ">ci<") {
		t.Errorf("shown again: %s", page)
	}
	remove := regexp.MustCompile(`action="(/settings/tokens/\d+/remove)"><button aria-label="Remove the token ci"`).FindStringSubmatch(page)
	if remove == nil {
		t.Fatalf("it cannot be removed: %s", page)
	}
	if w := browse(admin, "POST", remove[1], url.Values{}); w.Code != 303 {
		t.Errorf("remove: %d %s", w.Code, w.Body)
	}
	if w := browse(h, "GET", "/events", nil, "Authorization", "Bearer "+found[1]); w.Code != 303 {
		t.Errorf("the removed token lets in: %d", w.Code)
	}
}

func TestUsersAreManaged(t *testing.T) {
	m := webtest.New()
	h := m.As(inventory.Admin, appliance(m))
	for _, name := range []string{"ann", "bob"} {
		if w := browse(h, "POST", "/settings/users", url.Values{"name": {name}, "role": {"admin"}, "password": {goodPassword}}); w.Code != 303 {
			t.Fatalf("add %s: %d %s", name, w.Code, w.Body)
		}
	}
	for _, c := range []struct {
		path string
		form url.Values
		code int
		says string
	}{
		{"/settings/users", url.Values{"name": {"ann"}, "role": {"viewer"}, "password": {goodPassword}}, 409, "exists already"},
		{"/settings/users", url.Values{"name": {"cat"}, "role": {"viewer"}, "password": {"short"}}, 422, "15"},
		{"/settings/users/bob", url.Values{}, 422, "nothing was changed"},
		{"/settings/users/bob", url.Values{"role": {"king"}}, 422, "there is no role"},
		{"/settings/users/bob", url.Values{"role": {"operator"}}, 303, ""},
		{"/settings/users/ann", url.Values{"role": {"viewer"}}, 409, "last admin"},
		{"/settings/users/bob/remove", url.Values{"confirm": {"bo"}}, 422, "type the name"},
		{"/settings/users/bob/remove", url.Values{"confirm": {"bob"}}, 303, ""},
		{"/settings/users/nobody", url.Values{"role": {"viewer"}}, 404, "no user nobody"},
	} {
		if w := browse(h, "POST", c.path, c.form); w.Code != c.code || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %v: %d %s", c.path, c.form, w.Code, w.Body)
		}
	}
	w := browse(h, "GET", "/settings/users", nil)
	if !strings.Contains(w.Body.String(), `id="user-ann"`) || strings.Contains(w.Body.String(), `id="user-bob"`) || strings.Contains(w.Body.String(), "argon2") {
		t.Errorf("the list: %s", w.Body)
	}
	log := browse(h, "GET", "/settings/audit?who=test", nil).Body.String()
	if !strings.Contains(log, "/settings/users/bob/remove") || !strings.Contains(log, "Remove a user") || strings.Contains(log, goodPassword) {
		t.Errorf("the audit log: %s", log)
	}
	if log := browse(h, "GET", "/settings/audit?who=-", nil).Body.String(); strings.Contains(log, "/settings/users/bob") {
		t.Errorf("nobody's entries: %s", log)
	}
}
