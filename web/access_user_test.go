package web_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sandai/inventory"
	"sandai/web"
)

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
